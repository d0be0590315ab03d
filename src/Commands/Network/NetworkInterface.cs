using VirtioGuest.Hal;

namespace VirtioGuest.Commands.Network;

/// <summary>A network device and the protocols over it, as commands and self-tests see them.</summary>
/// <remarks>IPv4 addresses are numbers whose highest byte is the one written first; 0 means none.</remarks>
public abstract class NetworkInterface
{
    /// <param name="name">What people call it, for example <c>net0</c>.</param>
    protected NetworkInterface(string name)
    {
        Name = name;
    }

    /// <summary>What people call it.</summary>
    public string Name { get; }

    /// <summary>Its Ethernet address, as <c>52:54:00:12:34:56</c>.</summary>
    public abstract string HardwareAddress { get; }

    /// <summary>Whether the link is up.</summary>
    public abstract bool IsUp { get; }

    /// <summary>The largest IPv4 packet that a frame carries, in bytes.</summary>
    public abstract int Mtu { get; }

    /// <summary>
    /// The address in use and what goes with it, as <c>10.0.2.15/24, gateway 10.0.2.2, dns 10.0.2.3</c>; null where
    /// there is none.
    /// </summary>
    public abstract string? Configuration { get; }

    /// <summary>The router that everything off the link goes through; 0 for none.</summary>
    public abstract uint Gateway { get; }

    /// <summary>What has passed through the interface so far.</summary>
    public abstract NetworkTraffic GetTraffic();

    /// <summary>Gets an address by DHCP and uses it. Ends within 15 seconds.</summary>
    /// <param name="lease">What was granted, in words; empty where nothing was.</param>
    /// <returns>Null, or why there is no address.</returns>
    public abstract Failure? Dhcp(out string lease);

    /// <summary>Sends an ICMP echo request and waits for the reply.</summary>
    /// <param name="address">A unicast address.</param>
    /// <param name="sequence">A number that tells this request from the ones before and after.</param>
    /// <param name="timeoutMilliseconds">How long to wait at most.</param>
    /// <param name="payload">What to send along; a reply that does not bring the same back does not count.</param>
    public abstract PingResult Ping(uint address, ushort sequence, uint timeoutMilliseconds, byte[] payload);
}
