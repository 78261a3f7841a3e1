#!/bin/sh
# kafka-metadata-quorum: a name of the one binary, gregor, which lies beside this file.
exec "$(dirname -- "$(readlink -f -- "$0")")/gregor" kafka-metadata-quorum "$@"
