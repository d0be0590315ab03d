using VirtioGuest.Commands.Network;

namespace VirtioGuest.Commands.SelfTest.Cases;

/// <summary>A DHCP server gives an address, or one is there already.</summary>
/// <remarks>
/// Whether there is a server, and whom it serves, is the network's affair. That a question goes out is the guest's.
/// </remarks>
public sealed class NetworkDhcpTest : SelfTestCase
{
    private readonly NetworkInterface _network;

    /// <summary>Creates the test.</summary>
    public NetworkDhcpTest(NetworkInterface network)
        : base(network.Name + ": an address comes by DHCP")
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
        string? failure = _network.Dhcp(out _);
        if (failure is null)
        {
            return SelfTestResult.Passed;
        }

        bool hasAsked = _network.GetTraffic().FramesSent > sent;
        return hasAsked || !_network.IsUp ? SelfTestResult.Skipped(failure) : SelfTestResult.Failed(failure);
    }
}
