// The thread in which libvirt's client library notices that a hypervisor no longer answers.
#pragma once

namespace passthrough {

// Silences libvirt's own printing of errors and starts the thread, once in the life of the process;
// it ends with the process. libvirt wants this before its first connection. Any thread.
void StartLibvirtEventLoop();

}  // namespace passthrough
