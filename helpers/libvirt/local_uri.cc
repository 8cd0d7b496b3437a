#include "helpers/libvirt/local_uri.h"

namespace passthrough {

bool IsOfThisMachine(std::string_view uri) { return uri.starts_with("qemu:///") || uri.starts_with("qemu+unix:///"); }

}  // namespace passthrough
