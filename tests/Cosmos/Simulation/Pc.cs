using System;
using System.Collections.Generic;
using System.Linq;
using VirtioGuest.Cosmos.Binding;
using VirtioGuest.Cosmos.Block;
using VirtioGuest.Cosmos.Machine;
using VirtioGuest.Cosmos.Net;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Pci;
using VirtioGuest.Simulation;

namespace VirtioGuest.Cosmos.Tests.Simulation;

/// <summary>A PC that Cosmos runs on: firmware has placed the devices, and the adapters bind them.</summary>
internal sealed class Pc : IDisposable
{
    public static readonly byte[] Mac = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];

    private readonly List<VirtioDeviceModel> _models = [];
    private (byte Device, PciDeviceFunction Function)? _outOfReach;
    private byte _nextDevice = 3;
    private bool _isRunning;

    public Pc()
    {
        Platform.WhileWaiting = Run;
    }

    public ModelPlatform Platform { get; } = new ModelPlatform();

    public IReadOnlyList<VirtioDeviceModel> Models => _models;

    /// <summary>Whether a device is at work: what it does is no step of the driver's.</summary>
    public bool AreDevicesAtWork => _isRunning;

    /// <summary>The machine, once <see cref="Boot"/> was called.</summary>
    public CosmosMachine Machine { get; private set; } = null!;

    public DeviceInventory Inventory { get; private set; } = null!;

    public DiskAccess Disk => Inventory.Disks[0];

    public CardAccess Card => Inventory.Cards[0];

    public BlockDevice AddDisk(int sectors, byte line = 11, Action<BlockDevice>? prepare = null)
    {
        var model = new BlockDevice(Platform.Pages, sectors);
        prepare?.Invoke(model);
        Add(model, line);
        return model;
    }

    public NetDevice AddCard(byte line = 11, Action<NetDevice>? prepare = null)
    {
        var model = new NetDevice(Platform.Pages, Mac);
        prepare?.Invoke(model);
        Add(model, line);
        return model;
    }

    public PciDeviceFunction Add(VirtioDeviceModel model, byte line)
    {
        _models.Add(model);
        var function = new PciDeviceFunction(
            model, new LineOutput(Platform, line), new PciFunctionOptions { InterruptLine = line });
        Platform.Bus.Add(_nextDevice++, function);
        return function;
    }

    /// <summary>Plugs a device in behind a function of its own.</summary>
    public void Add(VirtioDeviceModel model, IBusFunction function)
    {
        _models.Add(model);
        Platform.Bus.Add(_nextDevice++, function);
    }

    /// <summary>Plugs a device in whose 64-bit range lies above what a 32-bit processor reaches.</summary>
    public void AddOutOfReach(VirtioDeviceModel model)
    {
        _models.Add(model);
        var function = new PciDeviceFunction(
            model, new LineOutput(Platform, 11), new PciFunctionOptions { HasWideBaseAddress = true });
        _outOfReach = (_nextDevice++, function);
    }

    public void AddForeign(uint identity, uint classAndRevision, byte line) =>
        Platform.Bus.Add(_nextDevice++, new ForeignFunction(identity, classAndRevision, line));

    /// <summary>Places the devices as firmware does, and binds them.</summary>
    public Pc Boot()
    {
        Machine = new CosmosMachine(Platform);
        var assignment = new BaseAddressAssignment(Machine.Log);
        assignment.AddMemoryWindow(new AddressRange(0xE000_0000, 0x1000_0000));
        assignment.Assign(PciTopology.Discover(Platform.Bus, Machine.Log));
        if (_outOfReach is (byte device, PciDeviceFunction function))
        {
            Platform.Bus.Add(device, function);
            function.WriteConfiguration(0x10, 4, 0);
            function.WriteConfiguration(0x14, 4, 0x10);
        }

        Inventory = DeviceBinder.Bind(Platform, Machine);
        return this;
    }

    /// <summary>Lets the devices work until they have nothing more to do.</summary>
    public void Run() => Work(() =>
    {
        while (_models.Sum(model => model.Run()) != 0)
        {
        }
    });

    /// <summary>Does something as a device: what an interrupt does meanwhile does not start it anew.</summary>
    public void Work(Action work)
    {
        if (!_isRunning)
        {
            _isRunning = true;
            work();
            _isRunning = false;
        }
    }

    /// <summary>
    /// Counts what the adapters do from now on; accesses to registers and turns of the interrupt flag are steps too.
    /// </summary>
    public Steps CountSteps()
    {
        var steps = new Steps(actsAfter: true) { IsPaused = () => AreDevicesAtWork };
        Platform.AfterStep = steps.Take;
        return steps;
    }

    public byte[] Buffer(int length) => Platform.Pages.AllocateArray(length);

    public byte[] Buffer(byte[] content)
    {
        byte[] array = Buffer(content.Length);
        content.CopyTo(array, 0);
        return array;
    }

    public void Dispose() => Platform.Dispose();
}
