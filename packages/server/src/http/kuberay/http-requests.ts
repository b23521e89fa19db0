import {
  decodeBody,
  decodeQuery,
  kuberayRoutes,
  type KuberayRoute,
  type KuberayRouteName,
  type WireResult,
} from "@berth/contract/kuberay"
import { create, type DescMessage, type Message } from "@bufbuild/protobuf"
import { AppError } from "../../kit/errors.ts"
import { details } from "./faults.ts"
import type { RequestOf } from "./requests.ts"

const nothing = new Uint8Array(0)

/**
 * The message that an HTTP request is: of the path, of the query where the route reads it, and of the body.
 * @param body as the application gives it: bytes, or undefined
 * @throws AppError `invalid` in the words of the answer
 */
export function requestFrom<Name extends KuberayRouteName>(
  name: Name,
  parameters: Readonly<Record<string, string>>,
  url: string,
  body: unknown,
): RequestOf<Name> {
  const route: KuberayRoute = kuberayRoutes[name]
  const { input } = route.rpc
  const members: Record<string, unknown> = { ...valueOf(decodeQuery(name, queryOf(url))), ...parameters }
  const field = input.fields.find(({ name: field }) => field === route.body)
  if (field?.message) members[field.localName] = bodyOf(field.message, body)
  return create(input, members) as RequestOf<Name>
}

function queryOf(url: string): string {
  const start = url.indexOf("?")
  return start === -1 ? "" : url.slice(start + 1)
}

function bodyOf(desc: DescMessage, body: unknown): Message {
  return valueOf(decodeBody(desc, body instanceof Uint8Array ? body : nothing))
}

function valueOf<T>(result: WireResult<T>): T {
  if (result.ok) return result.value
  throw new AppError("invalid", result.fault, { detail: details.worded })
}
