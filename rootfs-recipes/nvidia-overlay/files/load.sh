#!/bin/sh
# Loads the driver and makes its device nodes: nothing here is setuid, so that the driver's own helper cannot.
set -eu
modprobe nvidia
modprobe nvidia-uvm
gpu='' uvm=''
while read -r number name; do
	case $name in
	nvidia) gpu=$number ;;
	nvidia-uvm) uvm=$number ;;
	esac
done </proc/devices
node() { [ -e "/dev/$1" ] || mknod -m 666 "/dev/$1" c "$2" "$3"; }
node nvidiactl "$gpu" 255
node nvidia-uvm "$uvm" 0
node nvidia-uvm-tools "$uvm" 1
n=0
for card in /proc/driver/nvidia/gpus/*/; do
	[ ! -d "$card" ] || node "nvidia$n" "$gpu" "$n"
	n=$((n + 1))
done
[ -e /dev/nvidia0 ]
