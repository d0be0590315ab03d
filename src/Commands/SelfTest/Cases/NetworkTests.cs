using System;
using VirtioGuest.Commands.Network;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Commands.SelfTest.Cases;

/// <summary>A DHCP server assigns an address.</summary>
/// <remarks>
/// Whether there is a server, and whom it serves, is up to the network. That a request is sent is up to the guest.
/// </remarks>
public sealed class NetworkDhcpTest : SelfTestCase
{
    private readonly NetworkInterface _network;

    public NetworkDhcpTest(NetworkInterface network)
        : base(network.Name + ": an address is assigned by DHCP")
    {
        _network = network;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        if (!_network.IsUp)
        {
            return SelfTestResult.Skipped("the link is down");
        }

        if (_network.Configuration is not null)
        {
            return SelfTestResult.Skipped("there is an address already");
        }

        ulong sent = _network.GetTraffic().FramesSent;
        Failure? failure = _network.Dhcp(out _);
        if (failure is null)
        {
            return SelfTestResult.Passed;
        }

        string why = failure.Of("the device");
        bool hasAsked = _network.GetTraffic().FramesSent > sent;
        return hasAsked || !_network.IsUp ? SelfTestResult.Skipped(why) : SelfTestResult.Failed(why);
    }
}

/// <summary>The gateway answers pings from the smallest to the largest that fit into a frame.</summary>
/// <remarks>
/// Whether it answers at all is up to the gateway, and so is whether it answers pings larger than the usual Ethernet
/// frame. But one that answers some answers those in between.
/// </remarks>
public sealed class NetworkPingTest : SelfTestCase
{
    private const int HeaderLength = 28;
    private const int UsualLength = 56;
    private const int UsualMtu = 1500;
    private const int Attempts = 3;
    private const uint TimeoutMilliseconds = 5000;

    private readonly NetworkInterface _network;
    private ushort _sequence;

    public NetworkPingTest(NetworkInterface network)
        : base(network.Name + ": the gateway answers small and large pings")
    {
        _network = network;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        string? obstacle = FindObstacle();
        if (obstacle is not null)
        {
            return SelfTestResult.Skipped(obstacle);
        }

        uint gateway = _network.Gateway;
        string name = IPv4Text.Format(gateway);
        Failure? failure = Ping(gateway, UsualLength);
        if (failure is not null)
        {
            return SelfTestResult.Skipped(name + " does not answer pings: " + failure.Of("the device"));
        }

        int largest = Math.Min(_network.Mtu, UsualMtu) - HeaderLength;
        int[] lengths = { 0, 1, 511, largest };
        foreach (int length in lengths)
        {
            failure = Ping(gateway, length);
            if (failure is not null)
            {
                return _network.IsUp
                    ? SelfTestResult.Failed(name + ", " + Bytes(length) + ": " + failure)
                    : SelfTestResult.Skipped("the link went down");
            }
        }

        return _network.Mtu <= UsualMtu || Ping(gateway, _network.Mtu - HeaderLength) is null
            ? SelfTestResult.Passed
            : SelfTestResult.Skipped(
                "the network carries " + Bytes(UsualMtu) + " but not the link's " + Bytes(_network.Mtu));
    }

    private string? FindObstacle()
    {
        if (!_network.IsUp)
        {
            return "the link is down";
        }

        if (_network.Configuration is null)
        {
            return "there is no address";
        }

        return _network.Gateway == 0 ? "there is no gateway" : null;
    }

    /// <summary>Sends a ping, and again where it is lost, as any packet may be.</summary>
    /// <returns>Null, or why no reply came to the last one.</returns>
    private Failure? Ping(uint address, int length)
    {
        var payload = new byte[length];
        Failure? failure = null;
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            failure = _network.Ping(address, ++_sequence, TimeoutMilliseconds, payload).Failure;
            if (failure is null)
            {
                return null;
            }
        }

        return failure;
    }

    private static string Bytes(int count) => DecimalText.Of((uint)count) + (count == 1 ? " byte" : " bytes");
}
