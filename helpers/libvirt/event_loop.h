// The thread in which libvirt's client library notices that a hypervisor no longer answers.
#pragma once

namespace passthrough {

// Silences libvirt's own printing of errors and starts the thread, once in the life of the process;
// it ends with the process. libvirt wants this before its first connection. Any thread.
void StartLibvirtEventLoop();

// Waits until the thread has let go of connections that were closed before this call. It frees
// their sockets and SSH sessions after virConnectClose() has returned; a process that exits in that
// moment crashes, because the SSH and crypto libraries clean up at exit too. Not from the thread
// itself.
void DrainLibvirtEventLoop();

}  // namespace passthrough
