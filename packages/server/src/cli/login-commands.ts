import { command, flag, insecure } from "./command-spec.ts"
import type { CommandSpec } from "./command-spec.ts"
import type { LoginOptions } from "./commands/login.ts"
import type { CommonOptions } from "./connect.ts"

/** Who somebody is at which server. */
export const loginCommands: readonly CommandSpec[] = [
  command<LoginOptions>({
    usage: "login",
    sentence: "sign in to a server with a password or a key, and go to it from then on",
    flags: [
      flag("--user <NAME>", "who you are (default: asks)"),
      flag("--password-stdin", "the password is the first line of standard input"),
      flag("--key-stdin", "an API key is, which is kept instead of a session"),
      insecure,
    ],
    notes: [
      "A session lasts twelve hours. BERTH_SERVER and BERTH_TOKEN go before it.\nIt is kept in ~/.config/berth/logins.json (or below XDG_CONFIG_HOME), for you alone and for that server only.",
    ],
    examples: [
      "berth login --server https://gpu.example:8443",
      "berth login --user ada --password-stdin < password.txt",
      "berth login --server https://gpu.example:8443 --key-stdin < key.txt",
    ],
    run: async (terminal, _args, options) => (await import("./commands/login.ts")).login(terminal, options),
  }),
  command<CommonOptions>({
    usage: "logout",
    sentence: "end the session at the server and forget it, also where the server is gone",
    examples: ["berth logout", "berth logout --server https://gpu.example:8443"],
    run: async (terminal, _args, options) => (await import("./commands/logout.ts")).logout(terminal, options),
  }),
  command<CommonOptions>({
    usage: "whoami",
    sentence: "show who you are to the server, by what, and until when",
    examples: ["berth whoami", "berth whoami -o json"],
    run: async (terminal, _args, options) => (await import("./commands/whoami.ts")).whoami(terminal, options),
  }),
]
