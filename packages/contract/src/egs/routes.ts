import { apiKeyRoutes } from "./api-key-routes.ts"
import { gprRoutes, gprTemplateBindingRoutes, gprTemplateRoutes } from "./gpr-routes.ts"
import { workspaceRoutes } from "./workspace-routes.ts"

/** Every operation of the family by name. */
export const egsRoutes = {
  ...apiKeyRoutes,
  ...workspaceRoutes,
  ...gprRoutes,
  ...gprTemplateRoutes,
  ...gprTemplateBindingRoutes,
} as const
export type EgsOperation = keyof typeof egsRoutes
export type GprOperation = keyof typeof gprRoutes
export type GprTemplateOperation = keyof typeof gprTemplateRoutes
export type GprTemplateBindingOperation = keyof typeof gprTemplateBindingRoutes
