#!/bin/sh
# order: 64
# limit: 20
# about: network cards: link, speed, address, error counters; InfiniBand's ports

# Prints facts as README.md says, a block a "port": each network interface of a PCI function ("interface eth1"), and each
# port of an RDMA device ("infiniband mlx5_0 1"). Reads what sysfs has: Documentation/ABI/testing/sysfs-class-net,
# sysfs-class-net-statistics and Documentation/ABI/stable/sysfs-class-infiniband of Linux.
LC_ALL=C
export LC_ALL
sys=${PROBE_ROOT:-}/sys
newline='
'

# Sets $value to the first line of the file $1; to nothing where there is none, or the kernel does not tell.
read_file() {
  value=
  { read -r value <"$1"; } 2>/dev/null
}

# Prints fact $1 with the first line of $2, where it has one.
fact_of_file() {
  read_file "$2"
  [ -z "$value" ] || printf '%s: %s\n' "$1" "$value"
}

# Sets $address to the PCI function that the device $1 is: itself, or below it as virtio's are. Fails for any other, as
# those on USB, whose controller is a function, too.
find_address() {
  address=
  cd -P "$1" 2>/dev/null || return 1
  address=$PWD
  cd /
  case ${address##*/} in
  virtio*) address=${address%/*} ;;
  esac
  address=${address##*/}
  [ -e "$sys/bus/pci/devices/$address" ]
}

# Sets $driver to that of the PCI function $1.
find_driver() {
  driver=none
  if cd -P "$sys/bus/pci/devices/$1/driver" 2>/dev/null; then
    driver=${PWD##*/}
    cd /
  fi
}

# The counters below directory $1 that are not 0, in one line.
show_counters() {
  counters=
  for counter in "$1"/*; do
    read_file "$counter"
    case $value in
    '' | 0 | *[!0-9]*) ;;
    *) counters="$counters ${counter##*/}=$value" ;;
    esac
  done
  printf 'counters:%s\n' "$counters"
}

# What only ethtool tells: firmware, and the fastest mode of this port and of the one at the other end.
show_ethtool() {
  command -v ethtool >/dev/null || return 0
  ethtool -i "$1" 2>/dev/null | while IFS= read -r line; do
    case $line in
    'firmware-version: ' | 'firmware-version: N/A') ;;
    'firmware-version: '*) printf 'firmware: %s\n' "${line#firmware-version: }" ;;
    esac
  done
  said=$(ethtool "$1" 2>/dev/null)
  IFS=$newline
  modes=
  own=0
  other=0
  # shellcheck disable=SC2086 # lines are wanted
  for line in $said; do
    case $line in
    *'Supported link modes:'*) modes=own ;;
    *'Link partner advertised link modes:'*) modes=other ;;
    *': '*) modes= ;;
    esac
    [ -n "$modes" ] || continue
    IFS=' 	'
    # shellcheck disable=SC2086 # words are wanted
    for word in $line; do
      case $word in
      [1-9]*base*/*) ;;
      *) continue ;;
      esac
      speed=${word%%base*}
      case $speed in
      *[!0-9]*) continue ;;
      esac
      if [ $modes = own ] && [ "$speed" -gt $own ]; then own=$speed; fi
      if [ $modes = other ] && [ "$speed" -gt $other ]; then other=$speed; fi
    done
    IFS=$newline
  done
  unset IFS
  [ "$own" = 0 ] || printf 'supported_speed: %s\n' "$own"
  [ "$other" = 0 ] || printf 'partner_speed: %s\n' "$other"
}

show_interface() {
  name=${1##*/}
  printf 'port: interface %s\npci_address: %s\n' "$name" "$address"
  fact_of_file flags "$1/flags"
  fact_of_file link_type "$1/type"
  fact_of_file mac "$1/address"
  fact_of_file mac_kind "$1/addr_assign_type"
  fact_of_file phys_port_name "$1/phys_port_name"
  fact_of_file operstate "$1/operstate"
  for key in carrier speed duplex mtu carrier_changes; do fact_of_file $key "$1/$key"; done
  show_counters "$1/statistics"
  show_ethtool "$name"
}

# How many of its addresses are set, of those for RoCE the first of the table are.
show_gids() {
  gids=0
  for gid in "$1"/gids/[0-9] "$1"/gids/1[0-5]; do
    read_file "$gid"
    case $value in
    '' | 0000:0000:0000:0000:0000:0000:0000:0000) ;;
    *) gids=$((gids + 1)) ;;
    esac
  done
  printf 'gids: %s\n' "$gids"
}

show_infiniband_port() {
  printf 'port: infiniband %s %s\npci_address: %s\n' "$2" "${1##*/}" "$address"
  fact_of_file firmware "${1%/ports/*}/fw_ver"
  for key in link_layer state phys_state rate lid sm_lid; do fact_of_file $key "$1/$key"; done
  fact_of_file netdev "$1/gid_attrs/ndevs/0"
  show_gids "$1"
  show_counters "$1/counters"
}

# "ADDRESS" of each port that is there, in a line, to count those of a function.
interfaces=' '
for place in "$sys"/class/net/*; do
  find_address "$place/device" && interfaces="$interfaces$address "
done
ports=' '
for place in "$sys"/class/infiniband/*/ports/[1-9]*; do
  find_address "${place%/ports/*}/device" && ports="$ports$address "
done

# Sets $count to how often $1 is among the words of $2.
count_word() {
  count=0
  for word in $2; do
    [ "$word" != "$1" ] || count=$((count + 1))
  done
}

# Network controllers are of class 02; InfiniBand's were 0c06 before they were 0207 (PCI Code and ID Assignment).
for function in "$sys"/bus/pci/devices/*; do
  read_file "$function/class"
  case $value in
  0x02* | 0x0c06*) ;;
  *) continue ;;
  esac
  find_driver "${function##*/}"
  count_word "${function##*/}" "$interfaces"
  line="${function##*/} $driver $count"
  count_word "${function##*/}" "$ports"
  printf 'function: %s %s\n' "$line" "$count"
done

for place in "$sys"/class/net/*; do
  find_address "$place/device" && show_interface "$place"
done
for place in "$sys"/class/infiniband/*/ports/[1-9]*; do
  device=${place%/ports/*}
  find_address "$device/device" && show_infiniband_port "$place" "${device##*/}"
done
printf 'end: network\n'
