using System.Collections.Generic;
using System.Globalization;
using System.IO;
using NUnit.Framework;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>Puts a machine into the words of QEMU.</summary>
public static class QemuCommandLine
{
    /// <summary>The PCI slot of the first disk.</summary>
    public const int FirstDiskSlot = 4;

    /// <summary>The PCI slot of the first network card.</summary>
    public const int FirstNicSlot = 0x14;

    /// <summary>The file in a guest's folder in which QEMU notes each reset of a processor.</summary>
    public const string ResetLog = "resets.log";

    private const string FirmwareFolder = "/usr/share/OVMF";

    /// <summary>The arguments; files that the machine needs of its own go to <paramref name="folder"/>.</summary>
    public static List<string> Build(GuestOptions options, string folder, string monitorSocket)
    {
        string machine = options.Machine == MachineType.Pc ? "pc" : "q35";
        List<string> arguments =
        [
            "-accel", "tcg",
            "-machine", options.HasAcpi ? machine : machine + ",acpi=off",
            "-m", Number(options.MemoryMegabytes),
            "-smp", Number(options.Processors),
            "-display", "none",
            "-nodefaults",
            "-S",
            "-chardev", Serial(options, folder),
            "-serial", "chardev:serial",
            "-chardev", $"socket,id=monitor,path={Escape(monitorSocket)},server=on,wait=on",
            "-mon", "chardev=monitor,mode=control",
        ];
        if (options.Cpu is not null)
        {
            arguments.AddRange(["-cpu", options.Cpu]);
        }

        if (options.EndsOnReset)
        {
            arguments.Add("-no-reboot");
        }

        if (options.RetriesSilentReset)
        {
            arguments.AddRange(["-d", "cpu_reset", "-D", Path.Combine(folder, ResetLog)]);
        }

        if (options.HasExitDevice)
        {
            arguments.AddRange(["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]);
        }

        if (options.HasIommu)
        {
            // Before the devices that it translates for.
            arguments.AddRange(["-device", "intel-iommu"]);
        }

        if (options.HasScreen)
        {
            arguments.AddRange(["-vga", "std"]);
        }

        AddDoor(arguments, options, folder);
        AddScript(arguments, options, folder);
        AddDisks(arguments, options);
        AddNics(arguments, options);
        arguments.AddRange(options.ExtraArguments);
        return arguments;
    }

    /// <summary>Where the socket of the serial port is, for <see cref="SerialBackend.Socket"/>.</summary>
    public static string SerialSocket(string folder)
    {
        return Path.Combine(folder, "serial");
    }

    private static string Serial(GuestOptions options, string folder)
    {
        return options.Serial switch
        {
            SerialBackend.Socket => $"socket,id=serial,path={Escape(SerialSocket(folder))},server=on,wait=off",
            SerialBackend.Terminal => "pty,id=serial",
            _ => "stdio,id=serial,signal=off",
        };
    }

    private static void AddDoor(List<string> arguments, GuestOptions options, string folder)
    {
        switch (options.Door)
        {
            case Door.Elf:
                string elf = options.Program is null ? Artifacts.Elf : Artifacts.Program(options.Program, "elf");
                arguments.AddRange(["-kernel", elf]);
                break;
            case Door.BzImage:
                arguments.AddRange(["-kernel", Artifacts.BzImage]);
                break;
            case Door.IsoBios:
                AddIso(arguments, UnikernelIso(options, folder));
                break;
            case Door.IsoUefi:
                AddFirmware(arguments, folder);
                AddIso(arguments, UnikernelIso(options, folder));
                break;
            case Door.Cosmos:
                AddIso(arguments, Artifacts.CosmosIso);
                break;
        }
    }

    private static void AddIso(List<string> arguments, string iso)
    {
        arguments.AddRange([
            "-drive", $"if=none,id=iso,media=cdrom,readonly=on,format=raw,file={Escape(iso)}",
            "-device", "ide-cd,drive=iso,bus=ide.0,bootindex=0",
        ]);
    }

    private static string UnikernelIso(GuestOptions options, string folder)
    {
        return options.Script is not null && options.ScriptSource == ScriptSource.Grub
            ? GrubMenu.AddCommandLine(Artifacts.Iso, folder, $"\"run={options.Script}\"")
            : Artifacts.Iso;
    }

    private static void AddFirmware(List<string> arguments, string folder)
    {
        string code = Path.Combine(FirmwareFolder, "OVMF_CODE_4M.fd");
        string variables = Path.Combine(FirmwareFolder, "OVMF_VARS_4M.fd");
        if (!File.Exists(code) || !File.Exists(variables))
        {
            Assert.Fail($"{code} or {variables} is missing. Install them with: apt-get install ovmf");
        }

        string copy = Path.Combine(folder, "variables.fd");
        File.Copy(variables, copy);
        arguments.AddRange([
            "-drive", $"if=pflash,unit=0,format=raw,readonly=on,file={code}",
            "-drive", $"if=pflash,unit=1,format=raw,file={Escape(copy)}",
        ]);
    }

    private static void AddScript(List<string> arguments, GuestOptions options, string folder)
    {
        string? commandLine = options.CommandLine;
        if (options.Script is not null && options.ScriptSource == ScriptSource.FirmwareConfiguration)
        {
            // A file, because a script may hold anything; the form string=... has a test of its own.
            string file = Path.Combine(folder, "script");
            File.WriteAllText(file, options.Script);
            arguments.AddRange(["-fw_cfg", $"name=opt/virtioguest/run,file={Escape(file)}"]);
        }
        else if (options.Script is not null && options.ScriptSource == ScriptSource.CommandLine)
        {
            commandLine = $"{commandLine} run='{options.Script}'".TrimStart();
        }

        if (commandLine is not null)
        {
            arguments.AddRange(["-append", commandLine]);
        }
    }

    private static void AddDisks(List<string> arguments, GuestOptions options)
    {
        for (int i = 0; i < options.Disks.Count; i++)
        {
            DiskOptions disk = options.Disks[i];
            arguments.AddRange([
                "-drive", $"if=none,id=disk{i},format=raw,file={Escape(disk.Path)},file.locking=off" +
                    (disk.IsReadOnly ? ",readonly=on" : string.Empty) +
                    (disk.Drive is null ? string.Empty : "," + disk.Drive),
                "-device", $"virtio-blk-pci,drive=disk{i},addr=0x{FirstDiskSlot + i:x}" +
                    Properties(disk.IsPacked, disk.Vectors, disk.Properties),
            ]);
        }
    }

    private static void AddNics(List<string> arguments, GuestOptions options)
    {
        for (int i = 0; i < options.Nics.Count; i++)
        {
            NicOptions nic = options.Nics[i];
            arguments.AddRange([
                "-netdev", $"{nic.Netdev},id=net{i}",
                "-device", $"virtio-net-pci,netdev=net{i},addr=0x{FirstNicSlot + i:x},mac={MacAddress(i)}" +
                    Properties(nic.IsPacked, nic.Vectors, nic.Properties) +
                    (nic.HasBootRom ? string.Empty : ",romfile="),
            ]);
        }
    }

    /// <summary>The hardware address of a network card.</summary>
    public static string MacAddress(int index)
    {
        return $"52:54:00:12:34:{0x56 + index:x2}";
    }

    private static string Properties(bool isPacked, int? vectors, string? more)
    {
        return (isPacked ? ",packed=on" : ",packed=off") +
            (vectors is null ? string.Empty : $",vectors={vectors}") +
            (more is null ? string.Empty : "," + more);
    }

    private static string Number(int value)
    {
        return value.ToString(CultureInfo.InvariantCulture);
    }

    // QEMU takes two commas for one.
    private static string Escape(string value)
    {
        return value.Replace(",", ",,", System.StringComparison.Ordinal);
    }
}
