import type { DescMessage, Message, MessageInitShape, MessageShape } from "@bufbuild/protobuf"
import { create } from "@bufbuild/protobuf"
import type { WireResult } from "./json/fault.ts"
import { decodeBody } from "./json/read.ts"
import { encodeBody } from "./json/write.ts"
import type { KuberayRoute, KuberayRouteName } from "./routes.ts"
import { kuberayRoutes } from "./routes.ts"

type Routes = typeof kuberayRoutes
/** What a caller says of a request: fields that are left out are empty. */
export type KuberayRequest<Name extends KuberayRouteName> = MessageInitShape<Routes[Name]["rpc"]["input"]>
/** What a route answers. */
export type KuberayAnswer<Name extends KuberayRouteName> = MessageShape<Routes[Name]["rpc"]["output"]>

/** A request as HTTP carries it. */
export interface KuberayHttpRequest {
  readonly method: KuberayRoute["method"]
  /** Of the route, with what the request says in place of `:field`: escaped by `escape`. */
  readonly path: string
  /** By field; what is empty is left out. */
  readonly query: Readonly<Record<string, string>>
  /** JSON; undefined where the route takes no body. */
  readonly body: string | undefined
}

/** @param escape makes a segment of a path from a value */
export function httpRequestOf<Name extends KuberayRouteName>(
  name: Name,
  request: KuberayRequest<Name>,
  escape: (value: string) => string,
): KuberayHttpRequest {
  const { method, path, rpc, query = [], body }: KuberayRoute = kuberayRoutes[name]
  const members = membersOf(rpc.input, create(rpc.input, request))
  const asked = query.map((field) => [field, textOf(members.get(field))])
  const bodyDesc = rpc.input.fields.find((field) => field.name === body)?.message
  const sent = body === undefined ? undefined : members.get(body)
  return {
    method,
    path: path.replaceAll(/:(\w+)/g, (_, field: string) => escape(textOf(members.get(field)))),
    query: Object.fromEntries(asked.filter(([, text]) => text !== "" && text !== "0")),
    body: bodyDesc && encodeBody(bodyDesc, (sent as Message | undefined) ?? create(bodyDesc)),
  }
}

/** The message that an answer's JSON says, or the words of its first fault. */
export function answerFrom<Name extends KuberayRouteName>(
  name: Name,
  json: string,
): WireResult<KuberayAnswer<Name>> {
  const { output }: { readonly output: DescMessage } = kuberayRoutes[name].rpc
  return decodeBody(output, new TextEncoder().encode(json)) as WireResult<KuberayAnswer<Name>>
}

function membersOf(desc: DescMessage, message: Message): ReadonlyMap<string, unknown> {
  const values = message as unknown as Readonly<Record<string, unknown>>
  return new Map(desc.fields.map((field) => [field.name, values[field.localName]]))
}

function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" || typeof value === "bigint"
    ? String(value)
    : ""
}
