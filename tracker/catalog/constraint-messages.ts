/** What both dialects say when somebody else was first, where the catalog has not looked before. */
export const TAKEN = 'something of this name exists already'
export const BROKEN_LINK = 'what this belongs to is gone, or something still belongs to it'
