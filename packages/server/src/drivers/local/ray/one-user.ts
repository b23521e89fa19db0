import { readFileSync } from "node:fs"

/** What an account has for a shell that nobody is to sign in with. */
const noShell = /\/(?:nologin|false|true|sync)$/
/** People's accounts, as Linux gives them out. */
const firstPerson = 1000
const lastPerson = 59_999

/**
 * Whether nobody but the server's account works on this machine: no other account is a person's, and the server is
 * not root, which gives workspaces accounts of their own.
 * @param passwd the machine's table of accounts; default /etc/passwd
 */
export function isOneUserMachine(
  serverUid: number = process.getuid?.() ?? 0,
  passwd: string = readAccounts(),
): boolean {
  if (serverUid === 0 || passwd === "") return false
  return !passwd.split("\n").some((line) => {
    const [name = "", , uid = "", , , , shell = ""] = line.split(":")
    const number = Number(uid)
    const isPerson = number >= firstPerson && number <= lastPerson && !noShell.test(shell)
    return name !== "" && isPerson && number !== serverUid
  })
}

/** "" where it cannot be read: then nobody knows. */
function readAccounts(): string {
  try {
    return readFileSync("/etc/passwd", "utf8")
  } catch {
    return ""
  }
}
