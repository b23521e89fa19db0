import type { SliceWorkspace } from "@berth/contract/egs"
import { decodeKubeConfigWish, decodeName, decodeWorkspace } from "@berth/contract/egs"
import type { FastifyRequest } from "fastify"
import { authorize } from "../../domain/identity/index.ts"
import type { Workspace } from "../../domain/workspaces/index.ts"
import { AppError } from "../../kit/errors.ts"
import type { Services } from "../services.ts"
import { saidBy } from "./body.ts"
import { valueOf } from "./handlers.ts"
import { mostClusters, refuseSliceFaults } from "./slice-faults.ts"

const createdHere = "Created via slice workspace API"

/** Workspaces, which this API calls slices (reference/egs.md 3). */
export function workspaceHandlers(services: Services) {
  const { workspaces } = services
  return {
    async createWorkspace(request: FastifyRequest) {
      const { principal } = request
      // Before the body: who may not make one learns nothing about clusters and namespaces.
      authorize(principal, "workspace.create", { workspaceId: null })
      const wish = valueOf(decodeWorkspace(saidBy(request)))
      const { workspaceName: id, clusters = [], namespaces = [], username = "", email = "" } = wish
      refuseSliceFaults({ name: id, clusters, namespaces }, await clusterNames(services, request))
      const contact = { name: username, email }
      const made = { id, description: createdHere, clusters, policy: {}, namespaces, contact }
      await workspaces.create(principal, made)
      return { workspaceName: id }
    },
    async updateWorkspace(request: FastifyRequest) {
      const { principal } = request
      const wish = valueOf(decodeWorkspace(saidBy(request)))
      const { workspaceName: id, clusters, namespaces, username, email } = wish
      authorize(principal, "workspace.update", { workspaceId: id })
      const before = await workspaces.get(principal, id)
      const after = {
        name: id,
        clusters: clusters ?? before.clusters,
        namespaces: namespaces ?? before.namespaces,
      }
      refuseSliceFaults(after, await clusterNames(services, request), before)
      await workspaces.update(principal, id, {
        ...(clusters === undefined ? {} : { clusters }),
        ...(namespaces === undefined ? {} : { namespaces }),
        contact: {
          ...(username === undefined ? {} : { name: username }),
          ...(email === undefined ? {} : { email }),
        },
      })
      return { workspaceName: id }
    },
    async deleteWorkspace(request: FastifyRequest) {
      const id = valueOf(decodeName(saidBy(request), "workspaceName"))
      await workspaces.remove(request.principal, id, { force: true })
      return {}
    },
    async listWorkspaces(request: FastifyRequest) {
      return { workspaces: (await workspaces.list(request.principal)).map(toSliceWorkspace) }
    },
    ...kubeConfigHandlers(services),
  }
}

function kubeConfigHandlers(services: Services) {
  const kubeConfig = async (request: FastifyRequest): Promise<{ kubeConfig: string }> => {
    const { principal } = request
    const { workspaceName, clusterName } = valueOf(decodeKubeConfigWish(saidBy(request)))
    authorize(principal, "workspace.kube-config", { workspaceId: workspaceName })
    const workspace = await services.workspaces.get(principal, workspaceName)
    const wanted = clusterName ?? workspace.clusters[0] ?? ""
    const clusters = await services.inventory.clusters(principal)
    const cluster = clusters.find(({ id }) => id === wanted)
    if (!cluster)
      throw new AppError("not_found", `There is no cluster "${wanted}".`, {
        resource: "cluster",
        name: wanted,
      })
    if (!workspace.clusters.includes(wanted))
      throw clusterRefused(`cluster "${wanted}" does not belong to slice "${workspaceName}"`)
    if (cluster.driver !== "kubernetes")
      throw clusterRefused(
        `cluster "${wanted}" runs local processes: it has no Kubernetes API to give access to`,
      )
    throw new AppError("unimplemented", "Access to Kubernetes clusters is not given yet.")
  }
  return { getKubeConfig: kubeConfig, kubeConfig }
}

function clusterRefused(message: string): AppError {
  return new AppError("invalid", message, { issues: [{ path: [], message }] })
}

async function clusterNames({ inventory }: Services, request: FastifyRequest): Promise<readonly string[]> {
  return (await inventory.clusters(request.principal)).map(({ id }) => id)
}

function toSliceWorkspace(workspace: Workspace): SliceWorkspace {
  const { id, description, clusters, namespaces } = workspace
  return {
    name: id,
    overlayNetworkDeploymentMode: "no-network",
    maxClusters: Math.max(mostClusters, clusters.length),
    sliceDescription: description,
    clusters: [...clusters],
    namespaces:
      namespaces.length === 0
        ? null
        : namespaces.map((namespace) => ({ namespace, clusters: [...clusters] })),
  }
}
