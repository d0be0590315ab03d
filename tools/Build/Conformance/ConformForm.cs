using System;
using System.Collections.Generic;

namespace VirtioGuest.Build.Conformance;

/// <summary>A machine on which a driver is judged, and where its devices are.</summary>
/// <param name="Name">What it is called in verdicts and file names: <c>q35</c>.</param>
/// <param name="Machine">QEMU's name of the machine.</param>
/// <param name="IsPacked">Whether packed rings are offered.</param>
/// <param name="IsServed">
/// Whether the devices are this project's models, served over vhost-user and watched there, and not QEMU's own.
/// </param>
internal sealed record ConformForm(string Name, string Machine, bool IsPacked, bool IsServed = false)
{
    public const string Microvm = "microvm";
    private const string Memory = "512";

    /// <summary>Whether devices are on virtio-mmio.</summary>
    public bool IsMmio => Machine == Microvm;

    /// <summary>The machine, without devices.</summary>
    public IReadOnlyList<string> MachineArguments()
    {
        List<string> arguments =
        [
            "-accel", "tcg",
            "-machine", IsMmio ? "microvm,acpi=off" : Machine,
            "-cpu", "max",
            "-m", Memory,
            "-display", "none",
            "-serial", "stdio",
            "-monitor", "none",
            "-no-reboot",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
            "-nic", "none",
        ];
        arguments.AddRange(IsMmio ? ["-global", "virtio-mmio.force-legacy=false"] : []);
        arguments.AddRange(IsServed
            ?
            [
                "-object", $"memory-backend-memfd,id=shared,size={Memory}M,share=on",
                "-numa", "node,memdev=shared",
            ]
            : []);
        return arguments;
    }

    /// <summary>A disk.</summary>
    /// <param name="disk">Its image; a served one is the server's affair.</param>
    /// <param name="sockets">The folder of the server's sockets.</param>
    public IReadOnlyList<string> Disk(string disk, string sockets) => IsServed
        ? Served("blk", $"vhost-user-blk-pci{Properties}", sockets)
        :
        [
            "-drive", $"if=none,id=disk0,format=raw,file={disk.Replace(",", ",,", StringComparison.Ordinal)}",
            "-device", $"virtio-blk-{Bus},drive=disk0{Properties}",
        ];

    /// <summary>A network card on QEMU's user network.</summary>
    /// <param name="rom">What is said about its boot ROM.</param>
    /// <param name="sockets">The folder of the server's sockets.</param>
    public IReadOnlyList<string> Card(string rom, string sockets)
    {
        const string Network = "user,net=10.0.2.0/24,host=10.0.2.1";
        if (!IsServed)
        {
            return ["-netdev", $"{Network},id=net0", "-device", $"virtio-net-{Bus},netdev=net0{Properties}{rom}"];
        }

        // The card's wire comes back into QEMU, whose user network is at its end. With vectors QEMU 7.2 does not
        // survive a card that is served.
        return
        [
            "-chardev", $"socket,id=net,path={sockets}/net",
            "-netdev", "vhost-user,id=net0,chardev=net",
            "-device", $"virtio-net-pci,netdev=net0,vectors=0{Properties}{rom}",
            "-netdev", $"{Network},id=user0",
            "-netdev", $"dgram,id=wire0,local.type=unix,local.path={sockets}/peer,"
                + $"remote.type=unix,remote.path={sockets}/wire",
            "-netdev", "hubport,id=hub0,hubid=0,netdev=user0",
            "-netdev", "hubport,id=hub1,hubid=0,netdev=wire0",
        ];
    }

    /// <summary>A source of entropy.</summary>
    public IReadOnlyList<string> Entropy(string sockets) => IsServed
        ? Served("rng", $"vhost-user-rng-pci{Packed}", sockets)
        : ["-device", $"virtio-rng-{Bus}{Properties}"];

    private string Bus => IsMmio ? "device" : "pci";

    private string Packed => IsPacked ? ",packed=on" : string.Empty;

    private string Properties => (IsMmio ? string.Empty : ",disable-legacy=on") + Packed;

    private string[] Served(string name, string device, string sockets) =>
    [
        "-chardev", $"socket,id={name},path={sockets}/{name}",
        "-device", $"{device},chardev={name}",
    ];
}
