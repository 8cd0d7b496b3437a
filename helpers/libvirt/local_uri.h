// Whether a libvirt URI is of this machine's own daemon.
#pragma once

#include <string_view>

namespace passthrough {

// qemu:///system, qemu+unix:///system: the authority, where another machine would stand, is empty
// (https://libvirt.org/uri.html).
bool IsOfThisMachine(std::string_view uri);

}  // namespace passthrough
