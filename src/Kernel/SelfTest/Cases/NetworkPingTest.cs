using System;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.SelfTest.Cases;

/// <summary>The gateway answers pings from the smallest to the largest that fit into a frame.</summary>
internal sealed class NetworkPingTest : SelfTestCase
{
    private const int HeaderLength = 28;

    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(5);

    private readonly NetworkPort _port;

    /// <summary>Creates the test.</summary>
    public NetworkPingTest(NetworkPort port)
        : base(port.Name + ": the gateway answers small and large pings")
    {
        _port = port;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        IPv4Configuration? configuration = _port.Stack.Configuration;
        if (configuration is null || configuration.Gateway.Equals(IPv4Address.Any))
        {
            return SelfTestResult.Skipped(configuration is null ? "there is no address" : "there is no gateway");
        }

        var payload = new byte[_port.Link.Mtu - HeaderLength];
        ReadOnlySpan<int> lengths = [0, 1, 56, 511, payload.Length];
        ushort sequence = 1;
        foreach (int length in lengths)
        {
            PingResult result = _port.Stack.Ping(
                configuration.Gateway, sequence++, s_timeout, payload.AsSpan(0, Math.Min(length, payload.Length)));
            if (result.Status != PingStatus.Replied)
            {
                return SelfTestResult.Failed($"{configuration.Gateway}, {length} bytes: {result}");
            }
        }

        return SelfTestResult.Passed;
    }
}
