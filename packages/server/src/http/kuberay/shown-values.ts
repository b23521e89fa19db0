import { isAllowed, type Principal } from "../../domain/identity/index.ts"
import type { ShowValue } from "./map-spec-out.ts"

/** Values of variables, and texts that may hold some: for those who may read them; for others each is `***`. */
export function showFor(
  principal: Principal,
  { workspaceId, userId }: { readonly workspaceId: string; readonly userId: string },
): ShowValue {
  const isShown = isAllowed(principal, "ray.env", { workspaceId, ownerId: userId })
  return isShown ? (value) => value : () => "***"
}
