#!/bin/sh
# order: 80
# limit: 60
# about: lspci, for people to read

# The probe's exit status is that of lspci; what it prints is not touched.
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin
exec lspci -Dnnk
