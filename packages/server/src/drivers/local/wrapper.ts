/** What the wrapper exits with when it did not get to run the command. */
export const wrapperExit = { noFolder: 120, alreadyStarted: 121, cannotRecord: 122 } as const

/**
 * The parent of every pod's command. It keeps the server's account, so that a pod can forge neither its pid
 * nor its exit file; only the command it runs drops to the pod's. `$1` is the pod's folder, `$2` its
 * control group or empty, the rest the command.
 *
 * The command runs in the foreground and TERM, INT and HUP are caught by a trap: with `cmd & wait` the shell
 * loses signals or exit codes, and without the trap it would die before it has written the code.
 * In a subshell, or the shell's own word on the signal that ended the command would get into the log.
 * `exit.new` is made before the start so that a full disk can still take the code into its block.
 * A signal to the group may hit a rename too: what counts is whether the file is there.
 */
export const wrapperScript = `set -uf
trap : TERM INT HUP
cd "$1" || exit ${wrapperExit.noFolder}
group=$2
shift 2
mkdir lock 2>/dev/null || exit ${wrapperExit.alreadyStarted}
start_of() {
  set -- \${stat##*) }
  shift 19
  start=$1
}
rename_to() {
  tries=0
  until [ -e "$1" ] || [ "$tries" -ge 20 ]; do
    mv "$1.new" "$1" 2>/dev/null
    tries=$((tries + 1))
  done
  [ -e "$1" ]
}
grouped=alone
[ -n "$group" ] && echo 0 >"$group/cgroup.procs" && grouped=grouped
read -r boot </proc/sys/kernel/random/boot_id || exit ${wrapperExit.cannotRecord}
read -r stat </proc/$$/stat || exit ${wrapperExit.cannotRecord}
start_of
printf '%16s\\n' '' >exit.new || exit ${wrapperExit.cannotRecord}
printf '%s %s %s %s\\n' "$boot" "$$" "$start" "$grouped" >pid.new || exit ${wrapperExit.cannotRecord}
rename_to pid || exit ${wrapperExit.cannotRecord}
(exec "$@" </dev/null >>log 2>&1)
code=$?
printf '%-16s\\n' "$code" 1<>exit.new
rename_to exit
exit 0
`
