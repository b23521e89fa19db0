import { workspaceRoutes } from "./workspace-routes.ts"

/** Every operation of the family by name. */
export const egsRoutes = { ...workspaceRoutes } as const
export type EgsOperation = keyof typeof egsRoutes
