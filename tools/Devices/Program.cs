using System;
using System.CommandLine;
using System.Diagnostics;
using System.IO;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Threading;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Entropy;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Recording;
using VirtioGuest.VhostUser;

namespace VirtioGuest.DeviceServer;

/// <summary>Serves the project's device models to QEMU, or to any other vhost-user front end.</summary>
internal static class Program
{
    private const ulong DiskFeatures = FeatureBit.Usual | BlockFeature.Flush | BlockFeature.SegmentMaximum
        | BlockFeature.BlockSize | BlockFeature.ConfigWce;

    private static readonly Option<string> s_socket = new("--socket")
    {
        Description = "where the front end connects to",
        HelpName = "path",
        Required = true,
    };

    private static readonly Option<FileInfo?> s_record = new("--record")
    {
        Description = "record what driver and device do with the rings, for ./build.sh trace",
        HelpName = "file",
    };

    private static int Main(string[] arguments)
    {
        // Before anything asks for it: accesses go through a recorder only in a process that said so at its start.
        AppContext.SetSwitch("VirtioGuest.Hal.MemorySimulation", Array.Exists(arguments, IsRecord));
        var root = new RootCommand("Serves devices over vhost-user, until Ctrl+C is typed.")
        {
            Disk(),
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
            image, s_socket, s_record, queues, isReadOnly,
        };
        command.SetAction(parsed =>
        {
            var memory = new RegionMemory();
            try
            {
                using Recorded? recorded = Recorded.TryCreate(parsed.GetValue(s_record), "blk", memory);
                using var store = new FileStore(parsed.GetRequiredValue(image).FullName);
                ulong more = parsed.GetValue(isReadOnly) ? BlockFeature.ReadOnly : 0;
                var disk = new BlockDevice(recorded?.Memory ?? memory, store, parsed.GetValue(queues));
                disk.OfferedFeatures = DiskFeatures | (disk.OfferedFeatures & BlockFeature.MultiQueue) | more;
                return Serve(parsed.GetRequiredValue(s_socket), memory, disk, recorded);
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
        var command = new Command("rng", "a source of random bytes, for vhost-user-rng-pci") { s_socket, s_record };
        command.SetAction(parsed =>
        {
            var memory = new RegionMemory();
            Span<byte> seed = stackalloc byte[sizeof(ulong)];
            System.Security.Cryptography.RandomNumberGenerator.Fill(seed);
            try
            {
                using Recorded? recorded = Recorded.TryCreate(parsed.GetValue(s_record), "rng", memory);
                var source = new EntropyDevice(recorded?.Memory ?? memory, BitConverter.ToUInt64(seed))
                {
                    OfferedFeatures = FeatureBit.Usual,
                };
                return Serve(parsed.GetRequiredValue(s_socket), memory, source, recorded);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                return Fail(error.Message);
            }
        });
        return command;
    }

    private static int Serve(string socket, RegionMemory memory, VirtioDeviceModel model, Recorded? recorded)
    {
        using var stop = new CancellationTokenSource();
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        try
        {
            using var server = new VhostUserServer(socket, memory, model)
            {
                Log = Console.WriteLine,
                Recorder = recorded?.Recorder,
            };
            Console.WriteLine($"serving at {socket}; Ctrl+C ends it");
            server.Run(stop.Token);
            return 0;
        }
        catch (Exception error) when (error is SocketException or IOException or ArgumentException)
        {
            return Fail($"cannot listen at {socket}: {error.Message}");
        }

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }
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
