using System;
using System.Buffers.Binary;
using System.Diagnostics;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
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

    /// <summary>Attaches to it in QEMU's place: every read takes a frame, every write sends one.</summary>
    /// <remarks>The host cuts segments and computes checksums itself then.</remarks>
    public FileStream Open()
    {
        // TUNSETIFF with IFF_TAP and IFF_NO_PI (linux/if_tun.h).
        const nuint AttachTo = 0x400454CA;
        const int FlagsOffset = 16;
        const short TapWithoutHeader = 0x1002;
        byte[] request = new byte[40];
        Encoding.ASCII.GetBytes(_name).CopyTo(request, 0);
        BinaryPrimitives.WriteInt16LittleEndian(request.AsSpan(FlagsOffset), TapWithoutHeader);
        SafeFileHandle handle = File.OpenHandle(
            "/dev/net/tun", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        if (Control(handle, AttachTo, request) != 0)
        {
            Assert.Fail($"the tap cannot be used: error {Marshal.GetLastPInvokeError()}");
        }

        return new FileStream(handle, FileAccess.ReadWrite, bufferSize: 0);
    }

    /// <summary>Sets the MTU of the host's side.</summary>
    public void SetMtu(int mtu) => Ip($"link set {_name} mtu {mtu}");

    /// <summary>Removes it.</summary>
    public void Dispose() => TryIp($"link del {_name}", out _);

    [DllImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static extern int Control(SafeFileHandle file, nuint request, byte[] argument);

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
