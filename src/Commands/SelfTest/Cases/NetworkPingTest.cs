using System;
using VirtioGuest.Commands.Network;
using VirtioGuest.Pci;

namespace VirtioGuest.Commands.SelfTest.Cases;

/// <summary>The gateway answers pings from the smallest to the largest that fit into a frame.</summary>
public sealed class NetworkPingTest : SelfTestCase
{
    private const int HeaderLength = 28;
    private const uint TimeoutMilliseconds = 5000;

    private readonly NetworkInterface _network;

    /// <summary>Creates the test.</summary>
    public NetworkPingTest(NetworkInterface network)
        : base(network.Name + ": the gateway answers small and large pings")
    {
        _network = network;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        uint gateway = _network.Gateway;
        if (_network.Configuration is null || gateway == 0)
        {
            return SelfTestResult.Skipped(
                _network.Configuration is null ? "there is no address" : "there is no gateway");
        }

        int largest = _network.Mtu - HeaderLength;
        int[] lengths = { 0, 1, 56, 511, largest };
        ushort sequence = 1;
        foreach (int length in lengths)
        {
            var payload = new byte[Math.Min(length, largest)];
            PingOutcome outcome = _network.Ping(gateway, sequence++, TimeoutMilliseconds, payload);
            if (outcome.Kind != PingOutcomeKind.Replied)
            {
                return SelfTestResult.Failed(
                    IPv4Text.Format(gateway) + ", " + DecimalText.Of((uint)length) + " bytes: " + outcome.Reason);
            }
        }

        return SelfTestResult.Passed;
    }
}
