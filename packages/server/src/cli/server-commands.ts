import type { Option } from "commander"
import type { CommandSpec } from "./command-spec.ts"
import { command, flag } from "./command-spec.ts"
import type { CommonOptions } from "./connect.ts"
import type { GroupSpec } from "./platform-commands.ts"

/** The commands of the server itself. @param settings the flags of all settings, where they will be looked at */
export function serverCommands(settings: readonly Option[]): readonly CommandSpec[] {
  return [
    command<Readonly<Record<string, unknown>>>({
      usage: "up",
      sentence: "start the server here",
      isLocal: true,
      options: settings,
      notes: [
        "A flag wins over its variable, that over the YAML file of --config, that over the default.",
        "Ctrl-C and SIGTERM end it and leave the pods running; a second one ends it at once.",
        "Exit codes: 2 wrong settings; 3 another server has the data directory; 4 it cannot start here.",
      ],
      examples: [
        "berth up --demo",
        "berth up --simulate 2x8xH100",
        "berth up --data /srv/berth --listen 0.0.0.0:8443 --tls-cert cert.pem --tls-key key.pem",
      ],
      run: async (terminal, _args, options) => (await import("./commands/up.ts")).up(terminal, options),
    }),
    command<CommonOptions & { readonly pods?: boolean }>({
      usage: "down",
      sentence: "end the server and wait until it has; pods go on",
      flags: [flag("--pods", "stop the pods too")],
      examples: ["berth down", "berth down --pods"],
      run: async (terminal, _args, options) => (await import("./commands/down.ts")).down(terminal, options),
    }),
    command<CommonOptions>({
      usage: "status",
      sentence: "show the server, who you are, and what there is",
      examples: ["berth status", "berth status -o json"],
      run: async (terminal, _args, options) =>
        (await import("./commands/status.ts")).status(terminal, options),
    }),
    command<CommonOptions>({
      usage: "doctor",
      sentence: "check this machine and its server, and say what to do; changes nothing",
      examples: ["berth doctor"],
      run: async (terminal, _args, options) =>
        (await import("./commands/doctor.ts")).doctor(terminal, options),
    }),
  ]
}

/** `berth config …`. */
export function configGroup(settings: readonly Option[]): GroupSpec {
  return {
    name: "config",
    sentence: "the server's settings",
    commands: [
      command<Readonly<Record<string, unknown>> & { readonly output?: string }>({
        usage: "show",
        isDefault: true,
        isLocal: true,
        sentence: "show every setting as `berth up` would have it, and where from; starts nothing",
        options: settings,
        flags: [flag("-o, --output <FORM>", "table, json or yaml (default table)")],
        examples: ["berth config show", "berth config show --config /etc/berth.yaml"],
        run: async (terminal, _args, options) =>
          (await import("./commands/config-show.ts")).configShow(terminal, options),
      }),
    ],
  }
}
