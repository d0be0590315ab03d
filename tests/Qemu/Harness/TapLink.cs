using System;
using System.Diagnostics;
using NUnit.Framework;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>
/// A tap device of the host with offloads, which leads to the guest and nowhere else. A test that asks for one is
/// skipped where it cannot be made: that takes root, and the program ip.
/// </summary>
public sealed class TapLink : IDisposable
{
    private static int s_count;

    private readonly string _name;

    /// <summary>Makes it.</summary>
    public TapLink()
    {
        int number = s_count++;
        _name = $"vg{Environment.ProcessId % 100000}x{number}";
        Network = $"10.{77 + number}.{Environment.ProcessId % 250}";
        if (!TryIp($"tuntap add dev {_name} mode tap vnet_hdr", out string why))
        {
            Assert.Ignore($"no tap device can be made here: {why}");
        }

        Ip($"addr add {Network}.1/24 dev {_name}");
        Ip($"link set {_name} up");
    }

    /// <summary>The first three numbers of its addresses; the host is 1.</summary>
    public string Network { get; }

    /// <summary>What QEMU is told.</summary>
    public string Netdev => $"tap,ifname={_name},script=no,downscript=no";

    /// <summary>Sets the MTU of the host's side.</summary>
    public void SetMtu(int mtu) => Ip($"link set {_name} mtu {mtu}");

    /// <summary>Removes it.</summary>
    public void Dispose() => TryIp($"link del {_name}", out _);

    private static void Ip(string arguments)
    {
        if (!TryIp(arguments, out string why))
        {
            Assert.Fail($"ip {arguments}: {why}");
        }
    }

    private static bool TryIp(string arguments, out string why)
    {
        try
        {
            using Process ip = Process.Start(
                new ProcessStartInfo("ip", arguments) { RedirectStandardError = true, UseShellExecute = false })!;
            why = ip.StandardError.ReadToEnd();
            ip.WaitForExit();
            return ip.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            why = e.Message;
            return false;
        }
    }
}
