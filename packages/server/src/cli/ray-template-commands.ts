import type { CommandSpec } from "./command-spec.ts"
import { command, flag, listFlag } from "./command-spec.ts"
import type { EntryKind, EntryPutOptions } from "./commands/config-entries.ts"
import type { RayListOptions } from "./commands/ray-ls.ts"
import type { GroupSpec } from "./platform-commands.ts"
import type { RayOptions } from "./ray-place.ts"
import type { TypedSize } from "./ray-templates.ts"

/** The namespace that a command acts in. */
export const inWorkspace = flag(
  "-w, --workspace <WORKSPACE>",
  "its namespace, or another one that it has (default `default`) [BERTH_WORKSPACE]",
)
export const everywhere = flag("-A, --all", "of all workspaces that you have a role in")

/** Sizes of Ray nodes by name. */
export const rayTemplatesGroup: GroupSpec = {
  name: "templates",
  aliases: ["template"],
  sentence: "compute templates: sizes of Ray nodes by name",
  commands: [
    command<RayListOptions>({
      usage: "ls",
      aliases: ["list"],
      isDefault: true,
      sentence: "list compute templates",
      flags: [inWorkspace, everywhere],
      examples: ["berth ray templates"],
      run: async (terminal, _args, options) =>
        (await import("./commands/ray-templates.ts")).rayTemplatesList(terminal, options),
    }),
    command<RayOptions & TypedSize>({
      usage: "create <name>",
      sentence: "make a compute template",
      flags: [
        flag("--cpu <CORES>", "whole cores (default 1)"),
        flag("--memory <SIZE>", "as 512Mi or 8Gi (default 2Gi)"),
        flag("-g, --gpus <N>", "GPUs (default 0)"),
        inWorkspace,
      ],
      examples: ["berth ray templates create big --cpu 8 --memory 64Gi --gpus 4"],
      run: async (terminal, [name = ""], options) =>
        (await import("./commands/ray-templates.ts")).rayTemplateCreate(terminal, name, options),
    }),
    command<RayOptions>({
      usage: "rm <name>",
      sentence: "delete a compute template; what was made with it stays as it is",
      flags: [inWorkspace],
      examples: ["berth ray templates rm big"],
      run: async (terminal, [name = ""], options) =>
        (await import("./commands/ray-templates.ts")).rayTemplateRemove(terminal, name, options),
    }),
  ],
}

const fromFile = listFlag(
  "--from-file <KEY=PATH>",
  "a value is what the file holds; KEY=- reads standard input",
)

function entryGroup(
  kind: EntryKind,
  words: { readonly group: string; readonly alias: string; readonly one: string; readonly sentence: string },
  put: Pick<CommandSpec, "flags" | "notes" | "examples">,
): GroupSpec {
  const { group, alias, one, sentence } = words
  return {
    name: group,
    aliases: [alias],
    sentence,
    commands: [
      command<RayListOptions>({
        usage: "ls",
        aliases: ["list"],
        isDefault: true,
        sentence: `list ${one}s and their keys`,
        flags: [inWorkspace, everywhere],
        examples: [`berth ${group}`],
        run: async (terminal, _args, options) =>
          (await import("./commands/config-entries.ts")).entriesList(terminal, kind, options),
      }),
      command<RayOptions>({
        usage: "get <name>",
        sentence:
          kind === "configmap" ? `show a ${one}` : `show which keys a ${one} has; values are never shown`,
        flags: [inWorkspace],
        examples: [`berth ${group} get NAME`],
        run: async (terminal, [name = ""], options) =>
          (await import("./commands/config-entries.ts")).entryGet(terminal, kind, name, options),
      }),
      command<EntryPutOptions>({
        usage: "put <name>",
        sentence: `make a ${one}, or replace all of its values`,
        ...put,
        run: async (terminal, [name = ""], options) =>
          (await import("./commands/config-entries.ts")).entryPut(terminal, kind, name, options),
      }),
      command<RayOptions>({
        usage: "rm <name>",
        sentence: `delete a ${one}; pods that run keep what they have`,
        flags: [inWorkspace],
        examples: [`berth ${group} rm NAME`],
        run: async (terminal, [name = ""], options) =>
          (await import("./commands/config-entries.ts")).entryRemove(terminal, kind, name, options),
      }),
    ],
  }
}

/** Named texts that Ray pods get as files or variables. */
export const entryGroups: readonly GroupSpec[] = [
  entryGroup(
    "configmap",
    {
      group: "configmaps",
      alias: "configmap",
      one: "config map",
      sentence: "named texts that Ray pods get as files or variables",
    },
    {
      flags: [fromFile, listFlag("--from-literal <KEY=VALUE>", "a value as it is"), inWorkspace],
      examples: [
        "berth configmaps put code --from-file sample.py=./sample.py",
        "berth configmaps put settings --from-literal MODE=fast",
      ],
    },
  ),
  entryGroup(
    "secret",
    {
      group: "secrets",
      alias: "secret",
      one: "secret",
      sentence: "secrets that Ray pods get as files or variables; nobody can read them again",
    },
    {
      flags: [fromFile, inWorkspace],
      notes: ["A value is never taken from the command line: others on the machine can read that."],
      examples: [
        "berth secrets put hub --from-file token=./token",
        "printenv HF_TOKEN | berth secrets put hub --from-file token=-",
      ],
    },
  ),
]
