using System;
using System.Text;
using System.Threading;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Net;
using VirtioGuest.Sockets;

namespace VirtioGuest.Kernel.Sockets;

/// <summary>The machine's sockets, under .NET's own: what <c>System.Net.Sockets</c> calls ends here.</summary>
internal static class GuestSockets
{
    /// <summary>What this host calls itself.</summary>
    public const string HostName = "virtioguest";

    private static readonly Lazy<SocketSystem> s_system = new(Create);

    /// <summary>The sockets; without devices there is the loopback.</summary>
    public static SocketSystem System => s_system.Value;

    /// <summary>Lets sockets use a port; and no longer, once it is removed.</summary>
    public static void Add(NetworkPort port) => System.Add(port.Name, port.Stack);

    /// <summary>Takes a port out.</summary>
    public static void Remove(NetworkPort port) => System.Remove(port.Stack);

    /// <summary>Finds the IPv4 addresses of a name, through the first link that knows a name server.</summary>
    public static DnsResult Resolve(string name)
    {
        if (name.Equals("localhost", StringComparison.OrdinalIgnoreCase))
        {
            return new DnsResult(DnsStatus.Found, [IPv4Address.Loopback]);
        }

        NetworkStack? asked = null;
        IPv4Address own = IPv4Address.Any;
        foreach (SocketSystem.Link link in System.Links)
        {
            IPv4Configuration? configuration = link.Stack.Configuration;
            own = own.IsAny ? configuration?.Address ?? own : own;
            asked ??= configuration is { NameServer.IsAny: false } ? link.Stack : null;
        }

        if (name.Equals(HostName, StringComparison.OrdinalIgnoreCase))
        {
            return new DnsResult(DnsStatus.Found, [own.IsAny ? IPv4Address.Loopback : own]);
        }

        return new DnsResolver(asked ?? System.Links[0].Stack).Resolve(name);
    }

    /// <summary>Copies a text with a zero at its end.</summary>
    /// <returns>Whether there was room.</returns>
    public static bool TryCopyText(string text, Span<byte> destination)
    {
        if (Encoding.UTF8.GetByteCount(text) >= destination.Length)
        {
            return false;
        }

        destination[Encoding.UTF8.GetBytes(text, destination)] = 0;
        return true;
    }

    private static SocketSystem Create() => new(new NetworkPort("lo", new LoopbackLink()).Stack);

    /// <summary>A link on which nothing is sent: what is for this host never gets that far.</summary>
    private sealed class LoopbackLink : EthernetLink
    {
        private const int LoopbackMtu = 16 * 1024;

        /// <inheritdoc/>
        public override MacAddress Address { get; } = new([2, 0, 0, 0, 0, 1]);

        /// <inheritdoc/>
        public override int Mtu => LoopbackMtu;

        /// <inheritdoc/>
        public override bool IsUp => true;

        /// <inheritdoc/>
        public override bool TrySend(ReadOnlySpan<byte> frame) => true;
    }
}
