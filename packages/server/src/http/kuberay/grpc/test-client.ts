import { create, fromBinary, toBinary, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf"
import { kuberayRoutes, type KuberayRoute, type KuberayRouteName } from "@berth/contract/kuberay"
import {
  ChannelCredentials,
  Client,
  Metadata,
  type CallOptions,
  type ClientUnaryCall,
  type ServiceDefinition,
  type ServiceError,
} from "@grpc/grpc-js"
import { service as healthService } from "grpc-health-check"
import { reflectionServices } from "./reflection.ts"

type Routes = typeof kuberayRoutes
type Request<Name extends KuberayRouteName> = MessageInitShape<Routes[Name]["rpc"]["input"]>
type Reply<Name extends KuberayRouteName> = MessageShape<Routes[Name]["rpc"]["output"]>

/** What a call ended with. */
export interface Outcome<Name extends KuberayRouteName> {
  /** 0 = it was answered. */
  readonly code: number
  readonly message: string
  readonly reply: Reply<Name> | undefined
  /** Heads of the answer, or of the error. */
  readonly metadata: Readonly<Record<string, unknown>>
}

export interface GrpcCallOptions {
  /** `authorization`. Default: the client's. */
  readonly authorization?: string
  readonly metadata?: Readonly<Record<string, string>>
  readonly deadlineMs?: number
  /** Instead of the request's own bytes. */
  readonly bytes?: Uint8Array
}

/** A client of gRPC, by the descriptors of the contract. */
export interface GrpcClient {
  readonly address: string
  call<Name extends KuberayRouteName>(
    name: Name,
    request: Request<Name>,
    options?: GrpcCallOptions,
  ): Promise<Outcome<Name>>
  /** `grpc.health.v1.Health/Check`: the status, or the code of the error. */
  health(service?: string): Promise<string | number>
  /** Every status that `Watch` tells until it ends. */
  watchHealth(): {
    readonly seen: string[]
    readonly next: () => Promise<string>
    readonly ended: Promise<void>
  }
  /** What reflection answers to each request, or the code of the error that the stream ended with. */
  reflect(version: "v1" | "v1alpha", requests: readonly object[]): Promise<readonly Reflected[] | number>
  /** Cancels the calls that are under way. */
  cancelAll(): void
  close(): void
}

/** As the package of reflection has it. */
export interface Reflected {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] }
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly (readonly number[])[] }
  readonly errorResponse?: { readonly errorCode: number }
}

/** TLS with servers that this certificate is of. */
export function trusting(certificate: Buffer): ChannelCredentials {
  return ChannelCredentials.createSsl(certificate)
}

/** @param authorization "" = none */
export function connectGrpc(
  address: string,
  authorization: string,
  credentials: ChannelCredentials = ChannelCredentials.createInsecure(),
  channel: Readonly<Record<string, string>> = {},
): GrpcClient {
  const client = new Client(address, credentials, channel)
  const open = new Set<ClientUnaryCall>()
  return {
    address,
    call: (name, request, options = {}) =>
      outcomeOf({ client, open }, name, request, { authorization, ...options }),
    cancelAll: () => open.forEach((call) => call.cancel()),
    health: (service = "") => healthOf(client, service),
    watchHealth: () => watchHealth(client),
    reflect: (version, requests) =>
      reflect(client, `grpc.reflection.${version}.ServerReflection`, requests, authorization),
    close: () => client.close(),
  }
}

function outcomeOf<Name extends KuberayRouteName>(
  { client, open }: { readonly client: Client; readonly open: Set<ClientUnaryCall> },
  name: Name,
  request: Request<Name>,
  { authorization = "", metadata = {}, deadlineMs, bytes }: GrpcCallOptions,
): Promise<Outcome<Name>> {
  const { rpc }: KuberayRoute = kuberayRoutes[name]
  const sent = new Metadata()
  if (authorization !== "") sent.set("authorization", authorization)
  for (const [key, value] of Object.entries(metadata)) sent.set(key, value)
  const options: CallOptions = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs }
  return new Promise((resolve) => {
    let head = {}
    const call = client.makeUnaryRequest(
      `/${rpc.parent.typeName}/${rpc.name}`,
      () => Buffer.from(bytes ?? toBinary(rpc.input, create(rpc.input, request))),
      (answer: Buffer) => fromBinary(rpc.output, answer) as Reply<Name>,
      {},
      sent,
      options,
      (error: ServiceError | null, reply?: Reply<Name>) =>
        resolve({
          code: error?.code ?? 0,
          message: error?.details ?? "",
          reply,
          metadata: error ? error.metadata.getMap() : head,
        }),
    )
    open.add(call)
    call.on("metadata", (got: Metadata) => (head = got.getMap()))
    call.on("status", () => open.delete(call))
  })
}

type Method = Readonly<ServiceDefinition[string]>

function methodOf(service: ServiceDefinition, name: string): Method {
  const method = service[name]
  if (!method) throw new Error(`There is no ${name}.`)
  return method
}

function healthOf(client: Client, service: string): Promise<string | number> {
  const { path, requestSerialize, responseDeserialize } = methodOf(healthService, "Check")
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize as (bytes: Buffer) => { readonly status: string },
      { service },
      (error: ServiceError | null, reply?: { readonly status: string }) =>
        resolve(error ? error.code : (reply?.status ?? "")),
    )
  })
}

function watchHealth(client: Client): ReturnType<GrpcClient["watchHealth"]> {
  const { path, requestSerialize, responseDeserialize } = methodOf(healthService, "Watch")
  const call = client.makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize as (bytes: Buffer) => { readonly status: string },
    { service: "" },
  )
  const seen: string[] = []
  const waiting: ((status: string) => void)[] = []
  const ended = Promise.withResolvers<void>()
  call.on("data", ({ status }: { readonly status: string }) => {
    const told = waiting.shift()
    if (told) told(status)
    else seen.push(status)
  })
  call.on("error", () => ended.resolve())
  call.on("end", () => ended.resolve())
  return {
    seen,
    next: () => {
      const status = seen.shift()
      return status === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(status)
    },
    ended: ended.promise,
  }
}

function reflect(
  client: Client,
  service: string,
  requests: readonly object[],
  authorization: string,
): Promise<readonly Reflected[] | number> {
  const definition = reflectionServices().find((one) =>
    methodOf(one, "ServerReflectionInfo").path.includes(service),
  )
  if (!definition) throw new Error(`There is no ${service}.`)
  const { path, requestSerialize, responseDeserialize } = methodOf(definition, "ServerReflectionInfo")
  const sent = new Metadata()
  if (authorization !== "") sent.set("authorization", authorization)
  const call = client.makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize as (bytes: Buffer) => Reflected,
    sent,
  )
  const answers: Reflected[] = []
  return new Promise((resolve) => {
    call.on("data", (answer: Reflected) => answers.push(answer))
    call.on("end", () => resolve(answers))
    call.on("error", (error: ServiceError) => resolve(error.code))
    for (const request of requests) call.write(request)
    call.end()
  })
}
