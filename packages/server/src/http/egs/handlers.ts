import type { Decoded } from "@berth/contract/common"
import type { EgsOperation } from "@berth/contract/egs"
import type { FastifyRequest } from "fastify"
import { AppError } from "../../kit/errors.ts"
import type { EgsDialect } from "./errors.ts"

/** What the family is told by the configuration. */
export interface EgsOptions {
  readonly dialect: EgsDialect
  readonly inventoryBySlice: InventoryBySlice
}

/** Members of what a workspace holds: the document's alone, or with those of later clients (reference/egs.md 1.7). */
export type InventoryBySlice = "seed" | "union"

/** Gives the `data` of one operation's answer. */
export type EgsHandler = (request: FastifyRequest, reply: EgsReply) => Promise<object> | object
/** What the document does not have goes into headers. */
export interface EgsReply {
  header(name: string, value: string): unknown
}
export type EgsHandlers<Name extends EgsOperation = EgsOperation> = Readonly<Record<Name, EgsHandler>>

/** @throws AppError `invalid`, detail `decoded`: its issues are worded whole */
export function valueOf<T>(result: Decoded<T>): T {
  if (result.ok) return result.value
  throw new AppError("invalid", "The request is not valid.", {
    detail: "decoded",
    issues: result.issues,
  })
}
