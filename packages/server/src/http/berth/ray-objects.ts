import type { FastifyRequest } from "fastify"
import type { RayName, RayObjects, RayPage } from "../../domain/ray/index.ts"
import { AppError } from "../../kit/errors.ts"
import type { Services } from "../services.ts"
import { base64ToText, textToBase64 } from "./opaque.ts"

/** @throws AppError `not_found` on a server without Ray */
export function rayOf({ ray }: Pick<Services, "ray">): RayObjects {
  if (ray) return ray
  throw new AppError("not_found", "This server has no Ray.", { resource: "ray" })
}

/** The object that the path names. */
export function namedBy(request: FastifyRequest): RayName {
  return request.params as RayName
}

/** The text under which lists are ordered, for cursors. */
export function placeOf({ namespace, name }: RayName): string {
  return `${namespace}\u0000${name}`
}

export function cursorAfter(next: RayPage["after"]): string | null {
  return next === null ? null : textToBase64(placeOf(next))
}

/** @throws AppError `invalid` for a cursor that `cursorAfter` does not give */
export function placeAfter(cursor: string | null): RayPage["after"] {
  if (cursor === null) return null
  const [namespace, name] = base64ToText(cursor)?.split("\u0000") ?? []
  if (namespace !== undefined && name !== undefined) return { namespace, name }
  throw new AppError("invalid", "The query does not have the right form.", {
    issues: [{ path: ["cursor"], message: "is not a cursor of this list" }],
  })
}
