#!/bin/bash
# The first process of a node: prepares its mounts and its network, then waits and reaps. Everything here is seen by the
# node's processes only, and ends with them. Arguments: the node's folder, and its address with the prefix length.
set -eu
folder=$1 address=$2

# The root must be shared, or kubelet's mounts do not reach the containers. Its own /run keeps sockets' paths short.
mount --make-rshared /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/node /run/upper
mount --bind "$folder" /run/node

# The standard folders of a node, which need not exist on the machine: an overlay, and in it the node's own folders.
for parent in /var/lib /var/log; do
    upper=/run/upper$parent
    mkdir -p "$upper/files" "$upper/work"
    mount -t overlay -o "lowerdir=$parent,upperdir=$upper/files,workdir=$upper/work" overlay "$parent"
done
for place in /var/lib/kubelet /var/lib/containerd /var/lib/etcd /var/lib/sandbox-volumes /var/log/pods /var/log/containers; do
    mkdir -p "$place" "/run/node$place"
    mount --bind "/run/node$place" "$place"
done
mkdir -p /var/lib/cni /run/netns

# Programs of the node find its services by name. Kubelet gives pods another file (kubelet.yaml).
echo "nameserver 10.96.0.10" > /run/resolv.conf
mount --bind /run/resolv.conf "$(realpath /etc/resolv.conf)"

# Kubelet sets these to its own values. They belong to the whole machine, so it finds files in their places instead.
keep() {
    echo "$2" > "/run/${1##*/}"
    mount --bind "/run/${1##*/}" "/proc/sys/$1"
}
keep vm/overcommit_memory 1
keep kernel/panic 10
keep kernel/panic_on_oops 1

# The node's address is on a bridge: not every machine has dummy devices, and the API server cannot advertise loopback.
ip link set lo up
ip link add node type bridge
ip address add "$address" dev node
ip link set node up
# Any route will do for addresses of services: kube-proxy replaces them, but only after a route was found.
ip route add 10.96.0.0/16 dev node
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.route_localnet=1

touch /run/prepared
# Bash reaps every process whose parent has ended.
sleep infinity &
while kill -0 $! 2>/dev/null; do wait -n || true; done
