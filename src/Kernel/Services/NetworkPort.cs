using System;
using System.Threading;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.Services;

/// <summary>A network device and the protocols over it.</summary>
internal sealed class NetworkPort
{
    private static readonly TimeSpan s_dhcpTimeout = TimeSpan.FromSeconds(15);

    private readonly Lock _gate = new();
    private Timer? _housekeeping;

    /// <summary>Joins a link and a stack.</summary>
    /// <param name="name">What people call the port, for example <c>net0</c>.</param>
    /// <param name="link">The device.</param>
    public NetworkPort(string name, EthernetLink link)
    {
        Name = name;
        Link = link;
        Stack = new NetworkStack(link);
    }

    /// <summary>What people call the port.</summary>
    public string Name { get; }

    /// <summary>The device.</summary>
    public EthernetLink Link { get; }

    /// <summary>The protocols.</summary>
    public NetworkStack Stack { get; }

    /// <summary>Asks a DHCP server for an address, and keeps the lease alive from then on.</summary>
    public DhcpResult Dhcp()
    {
        DhcpResult result = Stack.Dhcp(s_dhcpTimeout);
        if (result.Status == DhcpStatus.Bound)
        {
            lock (_gate)
            {
                _housekeeping ??= new Timer(_ => RunTimers());
            }

            RunTimers();
        }

        return result;
    }

    private void RunTimers()
    {
        TimeSpan next = Stack.RunTimers();
        _housekeeping?.Change(TimeSpan.FromMilliseconds(Math.Clamp(next.TotalMilliseconds, 1000, 60_000)),
            Timeout.InfiniteTimeSpan);
    }
}
