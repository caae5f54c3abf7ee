import { exitCodes, LifeboatError } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";

const scripts: Readonly<Record<string, string>> = {
  bash: `_lifeboat() {
  local IFS=$'\\n'
  COMPREPLY=( $(lifeboat complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null) )
}
complete -o default -F _lifeboat lifeboat
`,
  zsh: `#compdef lifeboat
_lifeboat() {
  local -a candidates
  candidates=("\${(@f)$(lifeboat complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$candidates" ]]; then compadd -- "\${candidates[@]}"; else _files; fi
}
compdef _lifeboat lifeboat
`,
  fish: `complete -c lifeboat -a '(lifeboat complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
};

export const completion: CommandSpec = {
  arguments: [{ name: "<shell>", description: "bash, zsh or fish" }],
  examples: [
    { command: "source <(lifeboat completion bash)", does: "in this shell; put it into ~/.bashrc to keep it" },
    { command: "lifeboat completion zsh > ~/.zfunc/_lifeboat", does: "for zsh" },
    { command: "lifeboat completion fish | source", does: "for fish" },
  ],
  async run(session, values) {
    const script = scripts[values.word(0)];
    if (script === undefined) {
      throw new LifeboatError("usage", `there is no completion for "${values.word(0)}" (bash, zsh, fish)`);
    }
    await session.output.out(script);
    return exitCodes.passed;
  },
};
