import { apiKeyRoutes } from "./api-key-routes.ts"
import { workspaceRoutes } from "./workspace-routes.ts"

/** Every operation of the family by name. */
export const egsRoutes = { ...apiKeyRoutes, ...workspaceRoutes } as const
export type EgsOperation = keyof typeof egsRoutes
