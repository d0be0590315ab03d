using System;
using System.Collections.Generic;
using VirtioGuest.Commands;
using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.FirmwareConfiguration;
using VirtioGuest.Commands.Network;
using VirtioGuest.Commands.Text;
using VirtioGuest.Cosmos.Kernel.Block;
using VirtioGuest.Cosmos.Kernel.Commands;
using VirtioGuest.Cosmos.Kernel.Files;
using VirtioGuest.Cosmos.Kernel.Machine;
using VirtioGuest.Cosmos.Kernel.Network;
using VirtioGuest.Cosmos.Kernel.Terminal;
using VirtioGuest.Cosmos.Machine;
using CosmosKernel = Cosmos.System.Kernel;

namespace VirtioGuest.Cosmos.Kernel;

/// <summary>
/// A Cosmos kernel that prints its version, registers the virtio devices, and runs the shell until a command ends it.
/// </summary>
/// <remarks>
/// Commands wait for interrupts, which Cosmos turns on between <see cref="BeforeRun"/> and <see cref="Run"/>.
/// </remarks>
public sealed class Kernel : CosmosKernel
{
    private readonly CosmosSwitches _switches = new();
    private readonly MemoryKeeper _memory = new(new CosmosHeap());
    private CosmosPorts? _ports;
    private TerminalOutput? _output;
    private TerminalInput? _input;
    private KernelSystem? _system;
    private CommandShell? _shell;

    /// <summary>Runs before anything of Cosmos' own start-up.</summary>
    public Kernel() => CosmosPlatform.PrepareStart();

    protected override void BeforeRun()
    {
        _ports = new CosmosPorts();
        var serial = new SerialPort(_ports, SerialPort.First);
        _output = new TerminalOutput(serial, new CosmosScreen(), _memory);
        _output.WriteLine("VirtioGuest " + Versions.Kernel + " on Cosmos, started by multiboot2");
        _input = new TerminalInput(serial, new CosmosKeyboard(), _switches, _memory);
        try
        {
            Start(_ports, _output);
        }
        catch (Exception exception)
        {
            Fail(exception);
        }
    }

    protected override void Run()
    {
        try
        {
            bool hasScript = FirmwareScript.TryFind(_ports!, _output!, out string? script);
            if (hasScript && script is null)
            {
                _shell!.RefuseScript();
            }

            if (!hasScript || (script is not null && RunScript(script)))
            {
                _shell!.RunInteractively(new LineEditor(_input!, _output!));
            }
        }
        catch (Exception exception)
        {
            Fail(exception);
        }

        Stop();
    }

    private bool RunScript(string script)
    {
        int length = 0;
        for (int i = 0; i < script.Length; i++)
        {
            length = script[i] == '\n' || script[i] == ';' ? 0 : length + 1;
            _memory.NoteLine(length);
        }

        return _shell!.RunScript(script);
    }

    private void Start(CosmosPorts ports, TerminalOutput output)
    {
        var machine = new CosmosMachine(new CosmosPlatform(new OutputLog(output)));
        _system = new KernelSystem(ports, machine.Clock, _switches, _memory);
        VirtioDrivers.Register(machine);
        List<MountedVolume> volumes = VirtioFileSystems.Register();
        for (int i = 0; i < volumes.Count; i++)
        {
            output.WriteLine(volumes[i].Device.Disk.Device.Name + ": FAT file system at " + volumes[i].Root);
        }

        SectorDevice[] disks = ShellDisk.Of(VirtioDrivers.Disks, _memory);
        NetworkInterface[] networks = Networks(machine);
        ShellDevice[] others = ShellDevice.Of(VirtioDrivers.OtherDevices);
        _shell = new CommandShell(new ShellContext(
            output,
            _system,
            disks,
            networks,
            SelfTestList.Create(machine.Clock, _system, disks, volumes, networks, others, _memory),
            CommandList.Create(new VirtualFiles(volumes)))
        {
            OtherDevices = others,
        });
    }

    private static NetworkInterface[] Networks(CosmosMachine machine)
    {
        List<VirtioNetworkDevice> cards = VirtioDrivers.NetworkDevices;
        var networks = new NetworkInterface[cards.Count];
        for (int i = 0; i < networks.Length; i++)
        {
            networks[i] = new ShellNetwork(cards[i].Card, new CosmosStack(cards[i]), machine.Clock);
        }

        return networks;
    }

    /// <summary>Prints an unhandled exception, and ends as a crash does.</summary>
    private void Fail(Exception exception)
    {
        _output!.WriteLine("Unhandled exception. " + ExceptionText.Of(exception));
        KernelSystem.DebugExitFailed(_ports!);
        _output.WriteLine("VIRTIOGUEST: FAILED");
        while (true)
        {
            _switches.Rest();
        }
    }
}
