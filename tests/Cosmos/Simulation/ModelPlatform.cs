using System;
using System.Collections.Generic;
using VirtioGuest.Cosmos.Machine;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Tests.Simulation;

/// <summary>
/// What the adapters see of Cosmos and the PC below, with device models on its bus: one handler for each line,
/// level-triggered lines, and a processor that takes interrupts between any two instructions where they are on.
/// </summary>
internal sealed unsafe class ModelPlatform : Platform, IDisposable
{
    public const ulong TicksPerSecond = 2_000_000_000;

    /// <summary>How often a line may interrupt in a row before a test ends: the processor would never go on.</summary>
    private const int Endless = 100_000;

    private readonly Dictionary<byte, LineService> _services = [];
    private readonly int[] _raised = new int[256];
    private readonly bool[] _masked = new bool[256];
    private readonly int[] _spurious = new int[256];
    private bool _isInInterrupt;
    private bool _holdsInterrupts;

    public ModelPlatform()
    {
        Array.Fill(_masked, true);
        Bus = new PciBus();
        ModelPorts = new ModelPorts(this, new MechanismOnePorts(Bus));
    }

    public PciBus Bus { get; }

    public GuestPages Pages { get; } = new GuestPages();

    public ModelPorts ModelPorts { get; }

    public List<string> Lines { get; } = [];

    /// <summary>What happens during each wait: the devices work.</summary>
    public Action WhileWaiting { get; set; } = () => { };

    /// <summary>How much time passes while somebody waits, in ticks.</summary>
    public ulong WaitTicks { get; set; } = 2000;

    public ulong Now { get; private set; } = 1;

    /// <summary>How much time passes whenever the timestamp is read, in ticks.</summary>
    public ulong ReadTicks { get; set; } = 10;

    public bool AreInterruptsOn { get; private set; } = true;

    /// <summary>What happens when a register was written; a device may be quick.</summary>
    public Action AfterWrite { get; set; } = () => { };

    /// <summary>Called after each step of the driver, when others may act.</summary>
    public Action AfterStep { get; set; } = () => { };

    /// <summary>Whether interrupts stay pending, and reach the processor only when this is cleared.</summary>
    public bool HoldsInterrupts
    {
        get => _holdsInterrupts;
        set
        {
            _holdsInterrupts = value;
            Interrupt();
        }
    }

    /// <summary>How many register writes an interrupt could have come before, since the last look at it.</summary>
    public int InterruptibleWrites { get; set; }

    /// <summary>How many register writes no interrupt could have come before, likewise.</summary>
    public int UninterruptedWrites { get; set; }

    /// <summary>How many interrupts the processor took.</summary>
    public int Taken { get; private set; }

    public override PortSpace Ports => ModelPorts;

    public override ulong Timestamp
    {
        get
        {
            Now += ReadTicks;
            return Now;
        }
    }

    public override byte* AllocatePages(uint count) => Pages.Allocate(count);

    public override void FreePages(byte* pages) => Pages.Free(pages);

    public override MmioRegion? MapRegisters(ulong physicalAddress, uint length) =>
        physicalAddress + length > 1UL << 32
            ? null
            : new WatchedRegisters(this, Bus.MapMmio(physicalAddress, length));

    public override void Connect(byte line, LineService service) => _services[line] = service;

    public override void SetMask(byte line, bool isMasked)
    {
        _masked[line] = isMasked;
        Interrupt();
    }

    public override uint DisableInterrupts()
    {
        uint before = AreInterruptsOn ? 1u : 0;
        AreInterruptsOn = false;
        AfterStep();
        return before;
    }

    public override void RestoreInterrupts(uint before)
    {
        AreInterruptsOn = before != 0;
        Interrupt();
        AfterStep();
    }

    public override void WriteLine(string text) => Lines.Add(text);

    public bool IsMasked(byte line) => _masked[line];

    public bool IsConnected(byte line) => _services.ContainsKey(line);

    public bool IsRaised(byte line) => _raised[line] != 0;

    /// <summary>A device on the line raises or lowers it.</summary>
    public void SetLine(byte line, bool isAsserted)
    {
        _raised[line] += isAsserted ? 1 : -1;
        Interrupt();
    }

    /// <summary>The line interrupts once without a cause, like one that was lowered again.</summary>
    public void InterruptForNothing(byte line)
    {
        _spurious[line]++;
        Interrupt();
    }

    public void NoteWrite()
    {
        InterruptibleWrites += AreInterruptsOn ? 1 : 0;
        UninterruptedWrites += AreInterruptsOn ? 0 : 1;
    }

    public void Pass(ulong ticks) => Now += ticks;

    public void PassWhileWaiting()
    {
        Now += WaitTicks;
        WhileWaiting();
    }

    /// <summary>
    /// Runs something as an interrupt of somebody else would, which allocates and so turns interrupts on.
    /// </summary>
    public void InInterrupt(Action action)
    {
        bool wereOn = AreInterruptsOn;
        action();
        AreInterruptsOn = wereOn;
    }

    public void Dispose() => Pages.Dispose();

    private void Interrupt()
    {
        if (_isInInterrupt || _holdsInterrupts)
        {
            return;
        }

        for (int times = 0; AreInterruptsOn && Pending() is byte line; times++)
        {
            if (times == Endless)
            {
                throw new InvalidOperationException($"line {line} never lets the processor go on");
            }

            Taken++;
            _spurious[line] = Math.Max(0, _spurious[line] - 1);
            _isInInterrupt = true;
            AreInterruptsOn = false;
            if (_services.TryGetValue(line, out LineService? service))
            {
                service.OnLine();
            }

            AreInterruptsOn = true;
            _isInInterrupt = false;
        }
    }

    private byte? Pending()
    {
        for (byte line = 0; line < 16; line++)
        {
            if ((_raised[line] != 0 || _spurious[line] != 0) && !_masked[line])
            {
                return line;
            }
        }

        return null;
    }
}
