import type { PodMount } from "../../domain/workloads/index.ts"
import { shellQuote } from "./launch-script.ts"

/** What a pod's mounts need to know of it. */
export interface MountPlace {
  readonly uid: number
  readonly gid: number
  /** Of the pod's own empty folders, by the mount's index. */
  folder(index: number): string
}

/**
 * The script that runs as root in a mount namespace of the pod's own before its account is dropped: `$1` is a folder
 * of the server's with the empty folders `root` and `mnt`, the rest the command. What it mounts goes with the pod.
 *
 * For a mount point that is not there its nearest parent is covered: by a small file system in memory with the
 * parent's children bound back. It is put together where nobody else can reach, and moved over the parent when it is
 * whole: a folder that somebody exchanges for a link meanwhile leads no write elsewhere. `/` cannot be covered; its
 * cover becomes the command's root.
 */
export function mountScript(mounts: readonly PodMount[], place: MountPlace): string {
  return `${functions}${mounts.map((mount, index) => callsOf(mount, index, place)).join("")}${ending}`
}

const functions = `set -eu
umask 022
base=$1
shift
root=
point=
trap '[ $? -eq 0 ] || { echo "berth: the mount at $point could not be made" >&2; exit 126; }' EXIT
cover() {
  mount -t tmpfs -o size=1g tmpfs "$2"
  chown --reference="$1" "$2"
  chmod --reference="$1" "$2"
  for each in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    to=$2/\${each##*/}
    if [ -L "$each" ]; then cp -P "$each" "$to"
    elif [ -d "$each" ]; then mkdir "$to" && mount --rbind "$each" "$to"
    elif [ -e "$each" ]; then : >"$to" && mount --bind "$each" "$to"
    fi
  done
}
fill() {
  if [ "$2" = file ]; then mkdir -p "\${1%/*}" && : >"$1"; else mkdir -p "$1"; fi
}
same() {
  [ "$(stat -c %d:%i "$root$1")" = "$2" ]
}
point_for() {
  point=$1
  [ -e "$root$1" ] && return
  parent=$1
  while [ -n "$parent" ] && [ ! -e "$root$parent" ]; do parent=\${parent%/*}; done
  if [ -z "$parent" ] && [ -z "$root" ]; then
    cover / "$base/root"
    root=$base/root
  fi
  if [ -z "$parent" ]; then
    fill "$root$1" "$2"
    return
  fi
  cover "$root$parent" "$base/mnt"
  fill "$base/mnt\${1#"$parent"}" "$2"
  mount --move "$base/mnt" "$root$parent"
}
`

const ending = `cd /
[ -z "$root" ] || exec chroot "$root" "$@"
exec "$@"
`

function callsOf(mount: PodMount, index: number, place: MountPlace): string {
  const target = shellQuote(mount.path)
  switch (mount.kind) {
    case "folder":
      return bind(shellQuote(place.folder(index)), target, "folder", mount.readOnly)
    case "host":
      return `${bind(shellQuote(mount.source), target, mount.isFile ? "file" : "folder", mount.readOnly)}${
        mount.identity === undefined ? "" : `same ${target} ${shellQuote(mount.identity)}\n`
      }`
    case "files":
      return filesAt(mount, target, place)
  }
}

function bind(source: string, target: string, as: "file" | "folder", readOnly: boolean): string {
  const mounted = `point_for ${target} ${as}\nmount --bind ${source} "$root"${target}\n`
  return readOnly ? `${mounted}mount -o remount,bind,ro "$root"${target}\n` : mounted
}

function filesAt(
  { files, isSecret }: Extract<PodMount, { kind: "files" }>,
  target: string,
  { uid, gid }: MountPlace,
): string {
  const writes = Object.entries(files).map(([path, text]) => {
    const at = `"$base/mnt/"${shellQuote(path)}`
    return `fill ${at} file\nprintf %s ${shellQuote(text)} >${at}\n`
  })
  const modes = isSecret ? "u=rX,go=" : "u=rX,go=rX"
  return [
    `point_for ${target} folder\n`,
    `mount -t tmpfs -o size=16m,mode=755 tmpfs "$base/mnt"\n`,
    ...writes,
    `chown -R ${uid}:${gid} "$base/mnt"\nchmod -R ${modes} "$base/mnt"\n`,
    `mount -o remount,ro "$base/mnt"\nmount --move "$base/mnt" "$root"${target}\n`,
  ].join("")
}

/** The command before `dropTo` of a pod with mounts. */
export function inOwnMounts(script: string, scratch: string): readonly string[] {
  return ["unshare", "--mount", "--propagation", "private", "/bin/sh", script, scratch]
}
