import { encodeBody, kuberayRoutes, type KuberayRoute, type KuberayRouteName } from "@berth/contract/kuberay"
import type { DescMessage, MessageShape } from "@bufbuild/protobuf"
import type { FastifyReply, FastifyRequest } from "fastify"
import type { SubjectKind } from "../../domain/journal/index.ts"
import { AppError } from "../../kit/errors.ts"
import type { ErrorAnswer, Family } from "../plugins/family.ts"
import { remadeByReading, type RemadeAnswer } from "../plugins/lost-answers.ts"
import type { Services } from "../services.ts"
import { createRayCall, type RayCall } from "./calls.ts"
import { timeoutOf, withDeadline } from "./deadline.ts"
import { askedBy } from "./form-posts.ts"
import { requestFrom } from "./http-requests.ts"
import { routeOf } from "./routing.ts"
import { httpStatusOf, statusOf } from "./status.ts"
import { addSwagger, type SwaggerOptions } from "./swagger.ts"

const bodyLimit = 2 * 1024 * 1024
const json = "application/json"

/**
 * The KubeRay API, V1, over HTTP (DESIGN 9.3), and its Swagger documents. Without Ray objects among the services it
 * has no routes.
 */
export function createKuberayFamily(options: SwaggerOptions): Family {
  return {
    name: "kuberay",
    prefixes: ["/apis/v1", "/swagger"],
    bodyLimit,
    register(app, services) {
      if (!services.ray) return
      const answer = createAnswer(services, createRayCall(services.ray))
      for (const name of Object.keys(kuberayRoutes) as KuberayRouteName[]) {
        const { method, path }: KuberayRoute = kuberayRoutes[name]
        const remade = remadeAnswers[name]
        const config = { operation: `kuberay.${name}`, ...(remade && { remade }) }
        app.route({ method, url: path, exposeHeadRoute: false, config, handler: answer })
      }
      // What the framework's router takes for no route may be one to upstream's (routing.ts).
      app.all("/apis/v1/*", { config: { operation: "kuberay.other" } }, answer)
      addSwagger(app, options)
    },
    errorAnswer,
  }
}

const read = (kind: SubjectKind, plural: string) =>
  remadeByReading(kind, (id) => {
    const [namespace = "", name = ""] = id.split("/")
    return `/apis/v1/namespaces/${namespace}/${plural}/${name}`
  })
const remadeAnswers: Partial<Record<KuberayRouteName, RemadeAnswer>> = {
  createComputeTemplate: read("compute-template", "compute_templates"),
  createCluster: read("ray-cluster", "clusters"),
  createRayJob: read("ray-job", "jobs"),
  createRayService: read("ray-service", "services"),
}

/** Exactly code and message: a strict client refuses anything else. */
function errorAnswer(error: AppError): ErrorAnswer {
  return { status: httpStatusOf(error), body: statusOf(error), headers: { "content-type": json } }
}

type Answer = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>

function createAnswer({ clock }: Services, call: RayCall): Answer {
  return async (request, reply) => {
    const { method, url } = asked(request)
    const routed = routeOf(method, url)
    switch (routed.kind) {
      case "redirect":
        return redirect(method, routed.location, reply)
      case "method":
        throw new AppError("not_found", "There is no such method here.", {
          resource: "route",
          name: url,
          detail: "method",
        })
      case "nothing":
        throw new AppError("not_found", "There is nothing at this path.", { resource: "route", name: url })
      case "route": {
        const { name, parameters } = routed
        const message = requestFrom(name, parameters, url, request.body)
        const timeoutMs = timeoutOf(headerOf(request, "grpc-timeout"))
        const answer = await withDeadline(clock, timeoutMs, (signal) =>
          call(name, request.principal, message, signal),
        )
        return sendMessage(reply, kuberayRoutes[name].rpc.output, answer)
      }
    }
  }
}

function asked(request: FastifyRequest) {
  const { method, raw, body } = request
  // The application has left only the media type in the header that is read.
  const at = raw.rawHeaders.findIndex((name, index) => index % 2 === 0 && /^content-type$/i.test(name))
  const contentType = at === -1 ? undefined : raw.rawHeaders[at + 1]
  const override = headerOf(request, "x-http-method-override")
  return askedBy({ method, url: raw.url ?? "", contentType, override, body })
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** As bytes: of text the framework would add a character set to the media type. */
function sendMessage<Desc extends DescMessage>(
  reply: FastifyReply,
  desc: Desc,
  message: MessageShape<Desc>,
): FastifyReply {
  return reply
    .header("grpc-metadata-content-type", "application/grpc")
    .type(json)
    .send(Buffer.from(encodeBody(desc, message)))
}

function redirect(method: string, location: string, reply: FastifyReply): FastifyReply {
  reply.code(307).header("location", location)
  if (method !== "GET" && method !== "HEAD") return reply.send()
  const link = `<a href="${location.replaceAll("&", "&amp;").replaceAll('"', "&#34;")}">Temporary Redirect</a>.\n\n`
  return reply.type("text/html; charset=utf-8").send(Buffer.from(link))
}
