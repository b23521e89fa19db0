import type { Option } from "commander"
import type { CommandSpec } from "./command-spec.ts"
import { command, flag } from "./command-spec.ts"
import type { BackupOptions } from "./commands/backup.ts"
import type { DoctorOptions } from "./commands/doctor.ts"
import type { RestoreCommandOptions } from "./commands/restore.ts"
import type { UnitOptions } from "./commands/unit.ts"
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
    command<BackupOptions>({
      usage: "backup <file>",
      sentence: "save the server's database as one file, while the server runs",
      flags: [
        flag("--offline", "of a data directory on which no server runs (--data DIR)"),
        flag("--with-keys", "put the owner's key and the secret key in; on the server's machine only"),
        flag("--force", "replace a file that is there"),
      ],
      notes: [
        "FILE may be a folder: the backup then gets a name by the time. It is read back before it gets its name.",
        "Logs and working folders of pods are not in it; environment values of workloads are: keep it safe.",
      ],
      examples: ["berth backup /backups", "berth backup --offline --data /var/lib/berth last.tar.gz"],
      run: async (terminal, [file = ""], options) =>
        (await import("./commands/backup.ts")).backup(terminal, file, options),
    }),
    command<RestoreCommandOptions>({
      usage: "restore <file>",
      sentence: "put a backup into a data directory that no server uses",
      isLocal: true,
      flags: [
        flag("--data <DIR>", "the data directory [BERTH_DATA]"),
        flag("--force", "also where there is a database: it is set aside, never removed"),
        flag("-o, --output <FORM>", "table, json or yaml (default table)"),
      ],
      notes: ["The server then starts with all queues paused: `berth queue resume --all` goes on."],
      examples: ["berth restore /backups/berth-20300102T030405Z.tar.gz --data /var/lib/berth"],
      run: async (terminal, [file = ""], options) =>
        (await import("./commands/restore.ts")).restore(terminal, file, options),
    }),
    command<UnitOptions>({
      usage: "unit",
      sentence: "print a systemd unit that runs `berth up` with these settings; writes nothing",
      isLocal: true,
      options: settings,
      flags: [
        flag("--user", "for the manager of one user, without root"),
        flag("--account <NAME>", "the account that it runs as (default: root)"),
      ],
      examples: [
        "berth unit --listen 127.0.0.1:8080 | sudo tee /etc/systemd/system/berth.service",
        "berth unit --user > ~/.config/systemd/user/berth.service",
      ],
      run: async (terminal, _args, options) => (await import("./commands/unit.ts")).unit(terminal, options),
    }),
    command<DoctorOptions>({
      usage: "doctor",
      sentence: "check this machine, its database and its server, and say what to do; changes nothing",
      flags: [flag("--database <URL>", "PostgreSQL database to look at [BERTH_DATABASE]")],
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
