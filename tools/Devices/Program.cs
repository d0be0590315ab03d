using System;
using System.CommandLine;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Threading;
using VirtioGuest.Conformance;
using VirtioGuest.Conformance.Models;
using VirtioGuest.Conformance.Reports;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Net;
using VirtioGuest.Recording;
using VirtioGuest.VhostUser;

namespace VirtioGuest.DeviceServer;

/// <summary>Serves the project's device models to QEMU, or to any other vhost-user front end.</summary>
internal static class Program
{
    private static readonly Option<string> s_socket = new("--socket")
    {
        Description = "where the front end connects to",
        HelpName = "path",
        Required = true,
    };

    private static readonly Option<string?> s_odd = new("--odd")
    {
        Description = "what it does that few devices do: "
            + string.Join("; ", OddDevice.Served.Select(each => $"{each.Name}, it {each.Habit}")),
        HelpName = "habit",
    };

    private static readonly Option<string?> s_judge = new("--judge")
    {
        Description = "judge the drivers that come, and write reports into this folder at the end",
        HelpName = "folder",
    };

    private static readonly Option<FileInfo?> s_record = new("--record")
    {
        Description = "record what driver and device do with the rings, for ./build.sh trace",
        HelpName = "file",
    };

    private static int Main(string[] arguments)
    {
        s_odd.AcceptOnlyFromAmong([.. OddDevice.Served.Select(each => each.Name)]);

        // Before anything asks for it: accesses go through a recorder only in a process that said so at its start.
        AppContext.SetSwitch("VirtioGuest.Hal.MemorySimulation", Array.Exists(arguments, IsRecord));
        var root = new RootCommand("Serves devices over vhost-user, until Ctrl+C is typed.")
        {
            Disk(),
            Card(),
            Entropy(),
        };
        return root.Parse(arguments).Invoke();
    }

    private static Command Disk()
    {
        var image = new Argument<FileInfo>("IMAGE") { Description = "the disk, a raw image" };
        image.AcceptExistingOnly();
        var queues = new Option<int>("--queues")
        {
            Description = "how many queues there are, 1 to 8",
            DefaultValueFactory = _ => 1,
        };
        queues.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > 8)
            {
                result.AddError("--queues is a number from 1 to 8.");
            }
        });
        var isReadOnly = new Option<bool>("--read-only") { Description = "refuse writes" };
        var command = new Command("blk", "a disk, for vhost-user-blk-pci")
        {
            image, s_socket, s_record, queues, isReadOnly, s_odd, s_judge,
        };
        command.SetAction(parsed =>
        {
            try
            {
                var memory = new RegionMemory();
                using Recorded? recorded = Recorded.TryCreate(parsed.GetValue(s_record), "blk", memory);
                using var store = new FileStore(parsed.GetRequiredValue(image).FullName);
                return Serve(parsed, memory, recorded, ServedDevices.Disk(
                    recorded?.Memory ?? memory, store, parsed.GetValue(queues), parsed.GetValue(isReadOnly)));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                return Fail(error.Message);
            }
        });
        return command;
    }

    private static Command Card()
    {
        var wire = new Option<string[]>("--wire")
        {
            Description = "where frames for the guest arrive, and where its own go: HOST:PORT or the path of a Unix "
                + "socket each, as with QEMU's -netdev dgram; without it, a neighbour that echoes is at the other end",
            Arity = new ArgumentArity(2, 2),
            AllowMultipleArgumentsPerToken = true,
            HelpName = "local remote",
        };
        wire.Validators.Add(result =>
        {
            foreach (System.CommandLine.Parsing.Token each in result.Tokens)
            {
                if (DatagramWire.ParseEnd(each.Value) is null)
                {
                    result.AddError($"{each.Value} is neither an address with a port nor a path with a slash.");
                }
            }
        });
        var command = new Command("net", "a network card, for virtio-net-pci with -netdev vhost-user")
        {
            s_socket, s_record, wire, s_odd, s_judge,
        };
        command.SetAction(parsed =>
        {
            string[]? ends = parsed.GetValue(wire);
            try
            {
                var memory = new RegionMemory();
                using DatagramWire? peer = ends is [string local, string remote]
                    ? new DatagramWire(DatagramWire.ParseEnd(local)!, DatagramWire.ParseEnd(remote)!)
                    : null;
                using Recorded? recorded = Recorded.TryCreate(parsed.GetValue(s_record), "net", memory);
                VirtioDeviceModel card = ServedDevices.Card(
                    recorded?.Memory ?? memory, (NetworkPeer?)peer ?? new EchoPeer());
                return Serve(parsed, memory, recorded, card, peer);
            }
            catch (SocketException error)
            {
                return Fail($"cannot receive at {ends![0]}: {error.Message}");
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                return Fail(error.Message);
            }
        });
        return command;
    }

    private static Command Entropy()
    {
        var command = new Command("rng", "a source of random bytes, for vhost-user-rng-pci")
        {
            s_socket, s_record, s_odd, s_judge,
        };
        command.SetAction(parsed =>
        {
            try
            {
                var memory = new RegionMemory();
                using Recorded? recorded = Recorded.TryCreate(parsed.GetValue(s_record), "rng", memory);
                return Serve(parsed, memory, recorded, ServedDevices.Entropy(recorded?.Memory ?? memory));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                return Fail(error.Message);
            }
        });
        return command;
    }

    private static int Serve(
        ParseResult parsed,
        RegionMemory memory,
        Recorded? recorded,
        VirtioDeviceModel model,
        DatagramWire? wire = null)
    {
        string socket = parsed.GetRequiredValue(s_socket);
        OddDevice.Find(parsed.GetValue(s_odd))?.Prepare(model);
        string? folder = parsed.GetValue(s_judge);
        ServedWatch? watch = folder is null ? null : new ServedWatch("driver", model);
        using var stop = new CancellationTokenSource();
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        try
        {
            using var server = new VhostUserServer(socket, memory, model)
            {
                Log = Console.WriteLine,
                Watch = watch,
                Wire = wire,
                Recorder = recorded?.Recorder,
            };
            Console.WriteLine($"serving at {socket}; Ctrl+C ends it");
            server.Run(stop.Token);
        }
        catch (Exception error) when (error is SocketException or IOException or ArgumentException)
        {
            return Fail($"cannot listen at {socket}: {error.Message}");
        }

        return watch is null ? 0 : Judge(watch, folder!);

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }
    }

    /// <summary>Says what the judge found of the drivers that came.</summary>
    private static int Judge(ServedWatch watch, string folder)
    {
        var run = new ConformanceRun("virtio conformance of a served driver", watch.Conclude(onlyLast: false));
        if (run.Verdicts.Count == 0)
        {
            return Fail("nothing used the device");
        }

        SummaryText.Write(run, Console.Out);
        ReportFolder.Write(run, folder, "driver");
        return run.IsGood ? 0 : 1;
    }

    private static bool IsRecord(string argument) =>
        argument.StartsWith("--record", StringComparison.Ordinal);

    private static int Fail(string message)
    {
        Console.Error.WriteLine(message);
        return 1;
    }
}

/// <summary>A recording that the server makes, and what the device sees of the guest's memory through it.</summary>
internal sealed class Recorded : IDisposable
{
    private readonly RecordingWriter _writer;

    private Recorded(RecordingWriter writer, GuestMemory memory)
    {
        _writer = writer;
        long start = Stopwatch.GetTimestamp();
        Recorder = new MemoryRecorder(writer, findsPlaces: true)
        {
            InfersDriver = true,
            Clock = () => (ulong)Stopwatch.GetElapsedTime(start).TotalNanoseconds,
        };
        Memory = new RecordedGuestMemory(memory, Recorder);
    }

    /// <summary>Who records.</summary>
    public MemoryRecorder Recorder { get; }

    /// <summary>What the device is to access.</summary>
    public GuestMemory Memory { get; }

    /// <summary>Begins a recording.</summary>
    /// <param name="file">Where it goes; null for none.</param>
    /// <param name="device">What is recorded.</param>
    /// <param name="memory">The guest's memory.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static Recorded? TryCreate(FileInfo? file, string device, GuestMemory memory) => file is null
        ? null
        : new Recorded(
            RecordingWriter.Create(
                file.FullName,
                new RecordingHeader($"{device} over vhost-user", "vhost-user", ["driver", "device"], IsTimed: true)
                {
                    About = "Recorded by the device. The driver is in another process: its stores appear where the "
                        + "device comes to see them, and what it reads is not known.",
                }),
            memory);

    /// <inheritdoc/>
    public void Dispose() => _writer.Dispose();
}
