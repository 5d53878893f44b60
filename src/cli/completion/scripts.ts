/** Shells that `bootswarm completion` knows. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type ShellName = (typeof SHELLS)[number]

/** The hidden command that all three ask, and the line by which it asks for names of files. */
export const ASK = '__complete'
export const FILES_LINE = ':files'

const BASH = `# bash completion of bootswarm
_bootswarm() {
  local line files= words=()
  COMPREPLY=()
  # Colons belong to words here: namespace/name:tag.
  local current="\${COMP_LINE:0:COMP_POINT}"
  read -ra words <<< "\${current} x"
  local typed="\${words[\${#words[@]}-2]}"
  [[ "$current" == *[[:space:]] ]] && typed=
  local before=("\${words[@]:1:\${#words[@]}-3}")
  [[ -z "$typed" ]] && before=("\${words[@]:1:\${#words[@]}-2}")
  while IFS= read -r line; do
    if [[ "$line" == '${FILES_LINE}' ]]; then files=1; continue; fi
    COMPREPLY+=("\${line%%$'\\t'*}")
  done < <("\${words[0]}" ${ASK} -- "\${before[@]}" "$typed" 2>/dev/null)
  # What stands before the last colon is not replaced by readline.
  if [[ "$typed" == *:* && "$COMP_WORDBREAKS" == *:* ]]; then
    local head="\${typed%"\${typed##*:}"}"
    COMPREPLY=("\${COMPREPLY[@]#"$head"}")
  fi
  if [[ -n "$files" ]]; then
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$typed")
    compopt -o filenames 2>/dev/null
  fi
}
complete -F _bootswarm bootswarm
`

const ZSH = `#compdef bootswarm
# zsh completion of bootswarm
_bootswarm() {
  local line files=0
  local -a found
  while IFS= read -r line; do
    if [[ "$line" == '${FILES_LINE}' ]]; then files=1; continue; fi
    local word="\${line%%$'\\t'*}" meaning="\${line#*$'\\t'}"
    found+=("\${word//:/\\\\:}:\${meaning}")
  done < <("\${words[1]}" ${ASK} -- "\${(@)words[2,CURRENT-1]}" "\${words[CURRENT]}" 2>/dev/null)
  (( \${#found} )) && _describe 'bootswarm' found
  (( files )) && _files
}
if [[ "\${funcstack[1]}" == _bootswarm ]]; then _bootswarm "$@"; else compdef _bootswarm bootswarm; fi
`

const FISH = `# fish completion of bootswarm
function __bootswarm_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    for line in ($words[1] ${ASK} -- $words[2..-1] "$typed" 2>/dev/null)
        if test "$line" = '${FILES_LINE}'
            __fish_complete_path "$typed"
        else
            echo $line
        end
    end
end
complete -c bootswarm -f -a '(__bootswarm_complete)'
`

/** What the shell is to read, to complete our command lines. */
export const SCRIPTS: Readonly<Record<ShellName, string>> = { bash: BASH, zsh: ZSH, fish: FISH }

/** Where a shell looks for such files by itself. */
export const PLACES: Readonly<Record<ShellName, string>> = {
  bash: '~/.local/share/bash-completion/completions/bootswarm',
  zsh: '~/.zfunc/_bootswarm, with fpath+=(~/.zfunc) before compinit in ~/.zshrc',
  fish: '~/.config/fish/completions/bootswarm.fish',
}
