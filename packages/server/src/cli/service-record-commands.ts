import { command, flag } from "./command-spec.ts"
import type { ServicesOptions } from "./commands/services.ts"
import type { GroupSpec } from "./platform-commands.ts"

const everySeconds = flag("--every <SECONDS>", "between two probes, 5 to 3600 (default 30)")
const within = flag("--timeout <SECONDS>", "for a whole probe, 1 to 30 (default 5)")
const failures = flag("--failures <N>", "in a row until it is down, 1 to 10 (default 3)")
const successes = flag("--successes <N>", "in a row until it is up, 1 to 10 (default 1)")
const watching = [everySeconds, within, failures, successes]

const ofWorkspace = flag("-w, --workspace <WORKSPACE>", "where records of several have the name")

/** Records of model servers. */
export const servicesGroup: GroupSpec = {
  name: "services",
  aliases: ["service"],
  sentence: "the register of model servers, and watches of it",
  commands: [
    command<ServicesOptions>({
      usage: "ls",
      aliases: ["list"],
      isDefault: true,
      sentence: "list what is served where: records with their state and last probe, newest first",
      flags: [
        flag("-w, --workspace <WORKSPACE>", "only of this workspace"),
        flag("--name <NAME>", "only of this name"),
        flag("--state <STATE>", "only in this state, as active or error"),
        flag("--limit <N>", "at most so many, up to 1000 (default 100)"),
      ],
      examples: ["berth services", "berth services ls -w research --state error"],
      run: async (terminal, _args, options) =>
        (await import("./commands/services.ts")).servicesList(terminal, options),
    }),
    command<ServicesOptions>({
      usage: "get <record>",
      sentence: "show a record, by its name or id, its watch and what that found",
      flags: [ofWorkspace],
      examples: ["berth services get llm", "berth services get 0190a5e0-0000-7000-8000-000000000001"],
      run: async (terminal, [what = ""], options) =>
        (await import("./commands/services.ts")).serviceGet(terminal, what, options),
    }),
    command<ServicesOptions>({
      usage: "add <name>",
      sentence: "write down a server that runs elsewhere, and watch it where it has a --health address",
      flags: [
        flag("--url <URL>", "where it answers"),
        flag("--health <URL>", "what is asked whether it is well"),
        flag("--flavor <WORD>", "what serves, as vllm (default custom)"),
        flag("-w, --workspace <WORKSPACE>", "where it belongs (default `default`) [BERTH_WORKSPACE]"),
        flag("--off", "without a watch"),
        ...watching,
      ],
      notes: [
        "Addresses of the internet are watched, and those that the server's --services-probe-allow names.",
      ],
      examples: [
        "berth services add churn --url https://models.example/churn --health https://models.example/health",
      ],
      run: async (terminal, [name = ""], options) =>
        (await import("./commands/services.ts")).serviceAdd(terminal, name, options),
    }),
    command<ServicesOptions>({
      usage: "register <what>",
      sentence: "make a record that follows a workload with a service, or a Ray service",
      flags: [
        flag("--ray", "it is a Ray service, NAMESPACE/NAME"),
        flag("--name <NAME>", "of the record (default: that of what it follows)"),
        flag("--off", "without a watch"),
        ...watching,
      ],
      examples: ["berth services register serve-x7kqd", "berth services register --ray default/llm"],
      run: async (terminal, [what = ""], options) =>
        (await import("./commands/services.ts")).serviceRegister(terminal, what, options),
    }),
    command<ServicesOptions>({
      usage: "watch <record>",
      sentence: "watch a record, by its name or id, change how, or with --off no more",
      flags: [flag("--off", "watch it no more"), ofWorkspace, ...watching],
      examples: ["berth services watch llm --every 60", "berth services watch llm -w research --off"],
      run: async (terminal, [what = ""], options) =>
        (await import("./commands/services.ts")).serviceWatch(terminal, what, options),
    }),
    command<ServicesOptions>({
      usage: "rm <record>",
      sentence: "delete a record, by its name or id; what it follows goes on",
      flags: [ofWorkspace],
      examples: ["berth services rm llm", "berth services rm 0190a5e0-0000-7000-8000-000000000001"],
      run: async (terminal, [what = ""], options) =>
        (await import("./commands/services.ts")).serviceRemove(terminal, what, options),
    }),
  ],
}
