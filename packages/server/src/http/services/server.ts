import { encodeCurrentUser, encodeServerInfo } from "@berth/contract/services"
import { AppError } from "../../kit/errors.ts"
import { lastingId } from "../plugins/server-ids.ts"
import type { Services } from "../services.ts"
import { userView } from "./map-accounts.ts"
import { ownProjectId } from "./projects.ts"
import type { ServicesHandler } from "./requests.ts"

/** Of the API that is spoken here: clients compare it with their own. */
const apiVersion = "0.98.0"

/** What a client asks when it connects. */
export function serverHandlers({ directory, workspaces }: Pick<Services, "directory" | "workspaces">) {
  return {
    async getInfo() {
      return encodeServerInfo({
        id: lastingId(workspaces, "server"),
        name: "berth",
        version: apiVersion,
        deploymentType: "other",
        databaseType: "other",
        serverUrl: "",
        dashboardUrl: "",
        lastUserActivityAtMs: null,
      })
    },
    async getCurrentUser({ principal }) {
      const user = directory.user(principal.userId)
      if (!user) throw new AppError("unauthenticated", "This user is no more.", { detail: "invalid" })
      const isAdmin = principal.serverRole === "owner"
      // a client that sees several projects takes this one, and else refuses to do anything before one is chosen
      const defaultProjectId = await ownProjectId(workspaces, principal)
      return encodeCurrentUser({ ...userView(user), isAdmin, defaultProjectId })
    },
  } satisfies Readonly<Record<string, ServicesHandler>>
}

/** @throws AppError `unimplemented`, always: signing in by a browser on another machine is not offered */
export function authorizeDevice(): never {
  throw new AppError(
    "unimplemented",
    "Devices are not authorized here: sign in with a user name and a password, or with an API key.",
  )
}
