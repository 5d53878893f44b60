/** Text of manual pages in the man(7) macros of roff. */

/** Makes text harmless inside of a line: nothing of it is markup, hyphens stay what is typed. */
export function escaped(text: string): string {
  const plain = text.replace(/\\/g, '\\e').replace(/-/g, '\\-').replace(/`/g, '\\(ga').replace(/\^/g, '\\(ha')
  return plain
    .replace(/~/g, '\\(ti')
    .replace(/'/g, '\\(aq')
    .replace(/[^\0-\x7f]/gu, (letter) => {
      const code = letter.codePointAt(0) ?? 0
      return `\\[u${code.toString(16).toUpperCase().padStart(4, '0')}]`
    })
}

/** One or more lines of text; none of them is taken for a request. */
export function lines(text: string): string {
  return text
    .split('\n')
    .map((line) => {
      const safe = escaped(line.trim())
      return `${/^\./.test(safe) ? '\\&' : ''}${safe}\n`
    })
    .join('')
}

/** `\fBbold\fR`. */
export function bold(text: string): string {
  return `\\fB${escaped(text)}\\fR`
}

/** `\fIitalic\fR`. */
export function italic(text: string): string {
  return `\\fI${escaped(text)}\\fR`
}

export interface PageHead {
  readonly name: string
  readonly chapter: 1 | 5
  readonly version: string
}

/** What a page begins with. */
export function head({ name, chapter, version }: PageHead): string {
  return `.TH ${escaped(name.toUpperCase())} ${chapter} "" "Bootswarm ${escaped(version)}" "Bootswarm"\n`
}

/** A titled part of a page; nothing where there is nothing in it. */
export function section(title: string, body: string): string {
  return body === '' ? '' : `.SH ${escaped(title.toUpperCase())}\n${body}`
}

/** A term and below it what it means. `term` is markup. */
export function tagged(term: string, meaning: string): string {
  return `.TP\n${term}\n${lines(meaning)}`
}

/** Lines as they are, in the type of a terminal. */
export function literal(text: string): string {
  return `.EX\n${text
    .split('\n')
    .map((line) => `${line.startsWith('.') ? '\\&' : ''}${escaped(line)}\n`)
    .join('')}.EE\n`
}
