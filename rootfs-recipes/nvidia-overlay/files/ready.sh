#!/bin/sh
# A GPU whose memory is not protected gets no containers. After this no module can be loaded.
set -eu
mkdir -p /var/run/cdi
nvidia-ctk cdi generate --output=/var/run/cdi/nvidia.yaml
case $(nvidia-smi conf-compute -f) in
*'CC status: ON'*) ;;
*) exit 1 ;;
esac
nvidia-smi conf-compute -srs 1
echo 1 >/proc/sys/kernel/modules_disabled
