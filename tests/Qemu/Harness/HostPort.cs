using System.Net;
using System.Net.Sockets;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>Ports of the host for QEMU's <c>hostfwd</c>.</summary>
internal static class HostPort
{
    /// <summary>One that nobody listens on at the moment.</summary>
    public static int FindFree()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
