import type { Me } from "@berth/contract/berth"
import type { CommonOptions } from "../connect.ts"
import { connect } from "../connect.ts"
import { readLogins, serverOf } from "../kept-logins.ts"
import { writeFacts } from "../output.ts"
import type { Terminal } from "../terminal.ts"

/** `berth whoami`: who the server takes the caller for, by what, until when, and where else somebody is signed in. */
export async function whoami(terminal: Terminal, options: CommonOptions): Promise<void> {
  const { client, place, form } = await connect(terminal, options)
  const me = await client.berth.me()
  const { userId, userName: user, serverRole, credential } = me
  const workspaces = me.workspaces.map(({ id, role }) => ({ id, role }))
  const server = place.url
  const from = { server: place.from, token: place.tokenFrom === "" ? null : place.tokenFrom }
  const others = otherLogins(terminal, server)
  const value = { server, user, userId, serverRole, workspaces, credential, from, otherLogins: others }
  await writeFacts(terminal, form, value, [
    ["server", `${server} (named by ${place.from})`],
    ["user", user],
    ["roles", rolesOf(me)],
    ["by", waysIn(me, place.tokenFrom)],
    ["until", untilOf(me)],
    ...others.map((one) => ["also", `${one.user} at ${one.server}, with --server`] as const),
  ])
}

function otherLogins(terminal: Terminal, server: string) {
  const others = readLogins(terminal).logins.filter((login) => login.server !== serverOf(server))
  return others.map((login) => ({ server: login.server, user: login.userName }))
}

function rolesOf({ serverRole, workspaces }: Me): string {
  const roles = workspaces.map(({ id, role }) => `${role} in ${id}`)
  return [...(serverRole === null ? [] : [`server ${serverRole}`]), ...roles].join(", ") || "none"
}

function waysIn({ credential }: Me, from: string): string {
  switch (credential?.kind) {
    case undefined:
      return "nothing: the server runs with --no-auth"
    case "session":
      return `a session, kept in ${from}`
    case "key":
      return `the API key ${credential.name}, from ${from}`
    case "token":
      return `a token of the API key ${credential.name}, from ${from}`
  }
}

function untilOf({ credential }: Me): string {
  return credential?.expiresAt ?? (credential?.kind === "key" ? "the key is revoked" : "always")
}
