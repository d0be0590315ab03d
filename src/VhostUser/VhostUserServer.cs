using System;
using System.Buffers.Binary;
using System.IO;
using System.Net.Sockets;
using System.Threading;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Recording;
using VirtioGuest.VhostUser.Native;

namespace VirtioGuest.VhostUser;

/// <summary>
/// Serves a device model to a machine monitor as a vhost-user back end: the driver in the guest fills rings that the
/// model works on, wherever that driver comes from.
/// </summary>
/// <remarks>
/// One front end at a time; when it leaves, the next may come, and the device is as after a reset. Everything happens
/// on the thread that calls <see cref="Run"/>.
/// </remarks>
public sealed class VhostUserServer : IDisposable
{
    private const ulong ProtocolFeaturesBit = 1UL << 30;
    private const ulong QueuesFeature = 1UL << 0;
    private const ulong ReplyAckFeature = 1UL << 3;
    private const ulong ConfigurationFeature = 1UL << 9;
    private const ulong InflightFeature = 1UL << 12;
    private const int NetworkType = 1;
    private const int QuietMilliseconds = 100;
    private const int PollingMilliseconds = 1;
    private const int RegionLength = 32;
    private const int MostRegions = 8;
    private const int InflightLength = 20;
    private const uint NoDescriptorFlag = 1 << 8;
    private const int ConfigurationHeader = 12;
    private const byte StartedStatus =
        StatusBit.Acknowledge | StatusBit.Driver | StatusBit.FeaturesOk | StatusBit.DriverOk;

    private readonly string _path;
    private readonly Socket _listener;
    private readonly VirtioDeviceModel _model;
    private readonly VhostUserTransport _transport;
    private readonly SharedRegions _regions;
    private readonly int[] _waitedFor;
    private readonly bool[] _isReadable;
    private ulong _protocolFeatures;
    private bool _hasProtocolFeatures;
    private InflightRegion? _inflight;

    /// <summary>Begins to listen.</summary>
    /// <param name="path">The socket; a left-over of that name is replaced.</param>
    /// <param name="memory">What the device sees of a front end's memory.</param>
    /// <param name="model">The device; it belongs to the server from now on.</param>
    /// <exception cref="SocketException">The socket cannot be made.</exception>
    public VhostUserServer(string path, RegionMemory memory, VirtioDeviceModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        _path = path;
        _model = model;
        _transport = new VhostUserTransport(model);
        _regions = new SharedRegions(memory);
        _waitedFor = new int[_transport.Queues.Length + 2];
        _isReadable = new bool[_waitedFor.Length];
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        File.Delete(path);
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen(1);
    }

    /// <summary>Told of front ends that come, go, and do what they must not; one line each.</summary>
    public Action<string> Log { get; set; } = static _ => { };

    /// <summary>The wire of the device, where it is a network card that is not alone; null for none.</summary>
    public DatagramWire? Wire { get; set; }

    /// <summary>Who watches what front ends and their drivers do; null for nobody.</summary>
    public FrontEndWatch? Watch { get; set; }

    /// <summary>
    /// Who records what driver and device do with the rings; null for nobody. The device has to see its memory through
    /// a <see cref="RecordedGuestMemory"/> with the same recorder.
    /// </summary>
    public MemoryRecorder? Recorder
    {
        get => _transport.Recorder;
        set => _transport.Recorder = value;
    }

    /// <summary>Serves front ends until it is told to stop.</summary>
    /// <param name="stop">Tells it.</param>
    public void Run(CancellationToken stop)
    {
        using IDisposable? recording = Recorder?.Install();
        Span<bool> isWaiting = stackalloc bool[1];
        while (!stop.IsCancellationRequested)
        {
            Posix.Wait([(int)_listener.Handle], isWaiting, 100);
            if (!isWaiting[0])
            {
                continue;
            }

            using Socket frontEnd = _listener.Accept();
            Log("a front end has come");
            try
            {
                Serve(frontEnd, stop);
                Log("the front end has gone");
            }
            catch (Exception error) when (error is IOException or InvalidDataException or SocketException)
            {
                Log($"the front end is let go: {error.Message}");
                Recorder?.Say(StepKind.Failure, MemoryRecorder.Driver, error.Message);
            }
            finally
            {
                _model.WriteStatus(0);
                _transport.Forget();
                _regions.Clear();
                _inflight?.Dispose();
                _inflight = null;
                (_protocolFeatures, _hasProtocolFeatures) = (0, false);
            }
        }
    }

    /// <summary>Stops listening.</summary>
    public void Dispose()
    {
        _listener.Dispose();
        File.Delete(_path);
        _transport.Forget();
        _regions.Dispose();
    }

    private void Serve(Socket frontEnd, CancellationToken stop)
    {
        int socket = (int)frontEnd.Handle;
        while (!stop.IsCancellationRequested)
        {
            _waitedFor[^1] = socket;
            _waitedFor[^2] = Wire?.Descriptor ?? -1;
            for (int index = 0; index < _transport.Queues.Length; index++)
            {
                VhostUserTransport.QueueState queue = _transport.Queues[index];
                _waitedFor[index] = queue.IsStarted ? queue.Kick : -1;
            }

            Posix.Wait(_waitedFor, _isReadable, IsPolling() ? PollingMilliseconds : QuietMilliseconds);
            if (_isReadable[^1])
            {
                using VhostUserMessage? message = VhostUserMessage.TryReceive(socket);
                if (message is null)
                {
                    return;
                }

                // Before the queues: the driver's notification may be younger than what the front end says of it.
                Answer(socket, message);
                continue;
            }

            for (int index = 0; index < _transport.Queues.Length; index++)
            {
                ulong heard = _isReadable[index] ? Posix.TakeEvents(_waitedFor[index]) : 0;
                if (heard != 0)
                {
                    RecordKick(_transport.Queues[index]);
                }

                LookAfter(_transport.Queues[index], heard);
            }

            if (_isReadable[^2])
            {
                Wire!.Deliver((NetDevice)_model);
                RunModel();
            }
        }
    }

    private bool IsPolling()
    {
        foreach (VhostUserTransport.QueueState queue in _transport.Queues)
        {
            if (queue.IsPolled)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Works on a queue where its driver asked for it, and where the device has to look by itself.</summary>
    private void LookAfter(VhostUserTransport.QueueState queue, ulong heard)
    {
        if (!queue.IsEnabled || queue.Queue.Ring is null)
        {
            return;
        }

        if (heard != 0)
        {
            Watch?.OnHeard(queue.Queue, heard);
            Notify(queue);
            Work(queue);
        }
        else if (queue.IsPolled)
        {
            Watch?.OnPolling(queue.Queue);
            Work(queue);
        }
        else if (Watch?.IsOverdue(queue.Queue) == true)
        {
            Work(queue);
        }
    }

    private void Answer(int socket, VhostUserMessage message)
    {
        switch (message.Request)
        {
            case VhostUserRequest.GetFeatures:
                message.Reply(socket, _model.OfferedFeatures | ProtocolFeaturesBit);
                return;
            case VhostUserRequest.GetProtocolFeatures:
                // A front end has the configuration of a network card itself, and warns of one that wants to.
                message.Reply(socket, QueuesFeature | ReplyAckFeature | (IsInOrder() ? InflightFeature : 0)
                    | (_model.DeviceType == NetworkType ? 0 : ConfigurationFeature));
                return;
            case VhostUserRequest.GetQueueCount:
                message.Reply(socket, (ulong)_transport.Queues.Length);
                return;
            case VhostUserRequest.GetConfiguration:
                message.Reply(socket, ReadConfiguration(message));
                return;
            case VhostUserRequest.GetQueueBase:
                StopQueue(socket, message);
                return;
            case VhostUserRequest.GetInflight:
                GiveInflight(socket, message);
                return;
            default:
                Take(message);
                if (message.NeedsReply && (_protocolFeatures & ReplyAckFeature) != 0)
                {
                    message.Reply(socket, 0);
                }

                return;
        }
    }

    private void Take(VhostUserMessage message)
    {
        switch (message.Request)
        {
            case VhostUserRequest.SetOwner:
            case VhostUserRequest.ResetOwner:
            case VhostUserRequest.SetQueueError:
                break;
            case VhostUserRequest.SetProtocolFeatures:
                _protocolFeatures = message.Read64(0);
                break;
            case VhostUserRequest.SetFeatures:
                Negotiate(message.Read64(0));
                break;
            case VhostUserRequest.SetMemoryTable:
                ReplaceMemory(message);
                break;
            case VhostUserRequest.SetQueueSize:
                QueueOf(message.Read32(0)).Size = message.Read32(4);
                break;
            case VhostUserRequest.SetQueueBase:
                QueueOf(message.Read32(0)).Base = message.Read32(4);
                break;
            case VhostUserRequest.SetQueueAddresses:
                // Index, flags, then descriptors, the device's part, the driver's part, and a place for a log.
                QueueOf(message.Read32(0)).Places = (message.Read64(8), message.Read64(24), message.Read64(16));
                break;
            case VhostUserRequest.SetQueueKick:
                StartQueue(message);
                break;
            case VhostUserRequest.SetQueueCall:
                VhostUserTransport.QueueState called = QueueOf(message.Read32(0) & ~NoDescriptorFlag);
                called.Call = DescriptorOf(message);
                break;
            case VhostUserRequest.SetQueueEnable:
                VhostUserTransport.QueueState enabled = QueueOf(message.Read32(0));
                enabled.IsEnabled = message.Read32(4) != 0;
                Work(enabled);
                break;
            case VhostUserRequest.SetConfiguration:
                WriteConfiguration(message);
                break;
            case VhostUserRequest.SetInflight:
                TakeInflight(message);
                break;
            default:
                throw new InvalidDataException($"it asks for request {(int)message.Request}, which is not offered");
        }
    }

    private VhostUserTransport.QueueState QueueOf(uint index) =>
        index < (uint)_transport.Queues.Length
            ? _transport.Queues[(int)index]
            : throw new InvalidDataException($"there is no queue {index}");

    private static int DescriptorOf(VhostUserMessage message) =>
        (message.Read64(0) & NoDescriptorFlag) != 0 ? -1 : message.TakeDescriptor(0);

    /// <summary>Does what the driver does with the status of a device, up to FEATURES_OK.</summary>
    private void Negotiate(ulong features)
    {
        _hasProtocolFeatures = (features & ProtocolFeaturesBit) != 0;
        features &= ~ProtocolFeaturesBit;
        _model.WriteStatus(0);
        _model.WriteStatus(StatusBit.Acknowledge);
        _model.WriteStatus(StatusBit.Acknowledge | StatusBit.Driver);
        _model.WriteDriverFeatures(0, (uint)features);
        _model.WriteDriverFeatures(1, (uint)(features >> 32));
        _model.WriteStatus(StatusBit.Acknowledge | StatusBit.Driver | StatusBit.FeaturesOk);
        if ((_model.Status & StatusBit.FeaturesOk) == 0)
        {
            throw new InvalidDataException($"it accepts the features {features:x}, which do not go together");
        }

        Watch?.OnStarted(features);
    }

    private void ReplaceMemory(VhostUserMessage message)
    {
        uint count = message.Read32(0);
        if (count > MostRegions)
        {
            throw new InvalidDataException($"it shares {count} pieces of memory, and {MostRegions} is the most");
        }

        // Rings that are in use go on in the new memory from where they are.
        foreach (VhostUserTransport.QueueState queue in _transport.Queues)
        {
            Close(queue);
        }

        _regions.Clear();
        for (int i = 0; i < count; i++)
        {
            int at = 8 + (i * RegionLength);
            _regions.Add(
                message.TakeDescriptor(i),
                message.Read64(at),
                message.Read64(at + 8),
                message.Read64(at + 16),
                message.Read64(at + 24));
        }

        foreach (VhostUserTransport.QueueState queue in _transport.Queues)
        {
            if (queue.IsStarted)
            {
                Open(queue);
            }
        }
    }

    private void StartQueue(VhostUserMessage message)
    {
        VhostUserTransport.QueueState queue = QueueOf(message.Read32(0) & ~NoDescriptorFlag);
        int kick = DescriptorOf(message);
        if (kick < 0)
        {
            throw new InvalidDataException("it wants queues to be looked at all the time, which is not offered");
        }

        queue.Kick = kick;
        queue.IsStarted = true;
        queue.IsEnabled |= !_hasProtocolFeatures;
        Close(queue);
        Open(queue);
        Work(queue);
    }

    private void StopQueue(int socket, VhostUserMessage message)
    {
        VhostUserTransport.QueueState queue = QueueOf(message.Read32(0));
        Close(queue);
        queue.IsStarted = false;
        queue.Kick = -1;
        Span<byte> answer = stackalloc byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(answer, (uint)queue.Queue.Index);
        BinaryPrimitives.WriteUInt32LittleEndian(answer[4..], queue.Base);
        message.Reply(socket, answer);
    }

    private void Open(VhostUserTransport.QueueState queue)
    {
        if (queue.Size is 0 or > DeviceQueue.LargestSize)
        {
            throw new InvalidDataException($"queue {queue.Queue.Index} has {queue.Size} descriptors");
        }

        queue.Queue.MaximumSize = (ushort)queue.Size;
        _model.SetQueueSize(queue.Queue, queue.Size);
        _model.SetQueueAreas(queue.Queue, new QueueAreas(
            _regions.ToGuest(queue.Places.Descriptor),
            _regions.ToGuest(queue.Places.Driver),
            _regions.ToGuest(queue.Places.Device)));
        _model.EnableQueue(queue.Queue);
        if (queue.Queue.Ring is not { } ring)
        {
            throw new InvalidDataException($"queue {queue.Queue.Index} cannot be used: {_model.Trouble}");
        }

        ring.VhostBase = queue.Base;
        if (_inflight is not null && ring.Resume(_inflight.JournalOf(queue.Queue.Index)))
        {
            _transport.NotifyUsed(queue.Queue);
        }

        Watch?.OnOpened(queue.Queue);
        Record(queue);
    }

    private void Record(VhostUserTransport.QueueState queue)
    {
        if (Recorder is not MemoryRecorder recorder)
        {
            return;
        }

        const int Wrap = 1 << 15;
        QueueAreas areas = queue.Queue.Areas;
        int size = (int)queue.Size;
        RecordedQueue recorded = RecordedQueue.Of(
            queue.Queue.Index,
            $"queue {queue.Queue.Index}",
            size,
            areas.Descriptor,
            areas.Driver,
            areas.Device,
            _model.DriverFeatures);
        int place = (int)(queue.Base & ushort.MaxValue);
        int start = recorded.IsPacked ? (place & (Wrap - 1)) + ((place & Wrap) != 0 ? 0 : size) : place;
        queue.Recorded = recorded with { Start = start };
        recorder.Add(queue.Recorded, _model.Memory);
    }

    private void RecordKick(VhostUserTransport.QueueState queue)
    {
        if (Recorder is MemoryRecorder recorder && queue.Recorded is RecordedQueue recorded)
        {
            recorder.Look(recorded);
            recorder.Notify(StepKind.Kick, recorded.Index);
        }
    }

    private void Close(VhostUserTransport.QueueState queue)
    {
        _transport.ForgetRecorded(queue);
        if (queue.Queue.Ring is { } ring)
        {
            _model.Settle();
            queue.Base = ring.VhostBase;
            _model.StopQueue(queue.Queue);
        }
    }

    private void Notify(VhostUserTransport.QueueState queue)
    {
        Start();
        _model.Notify(queue.Queue, new QueueNotification((ushort)queue.Queue.Index, null));
    }

    /// <summary>Looks into a queue and does what it finds.</summary>
    private void Work(VhostUserTransport.QueueState queue)
    {
        if (!queue.IsEnabled || queue.Queue.Ring is null)
        {
            return;
        }

        Start();

        _model.Wake(queue.Queue);
        RunModel();
    }

    private void RunModel()
    {
        _model.Run();
        if (_model.Trouble.Length != 0)
        {
            throw new InvalidDataException(_model.Trouble);
        }
    }

    /// <summary>A front end has no word for DRIVER_OK: that it asks for work is one.</summary>
    private void Start()
    {
        if ((_model.Status & StatusBit.DriverOk) == 0)
        {
            _model.WriteStatus(StartedStatus);
        }
    }

    /// <summary>What is kept of requests in flight is enough for a device that completes in order.</summary>
    private bool IsInOrder()
    {
        foreach (VhostUserTransport.QueueState queue in _transport.Queues)
        {
            if (queue.Queue.Policy is not InOrderCompletion)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Makes a region for requests in flight, which the front end keeps.</summary>
    private void GiveInflight(int socket, VhostUserMessage message)
    {
        ulong length = InflightRegion.LengthFor(_transport.Queues.Length);
        if (message.Payload.Length < InflightLength)
        {
            throw new InvalidDataException($"{message.Request} has {message.Payload.Length} bytes only");
        }

        // QEMU has four bytes more than the protocol says, and wants them back.
        byte[] answer = message.Payload.ToArray();
        BinaryPrimitives.WriteUInt64LittleEndian(answer, length);
        BinaryPrimitives.WriteUInt64LittleEndian(answer.AsSpan(8), 0);
        int memory = Posix.NewMemory(length);
        try
        {
            message.Reply(socket, answer, memory);
        }
        finally
        {
            Posix.Close(memory);
        }
    }

    private void TakeInflight(VhostUserMessage message)
    {
        int queues = message.Part(16, sizeof(ushort))[0] | (message.Part(16, sizeof(ushort))[1] << 8);
        if (queues > _transport.Queues.Length)
        {
            throw new InvalidDataException($"it keeps requests in flight of {queues} queues");
        }

        _inflight?.Dispose();
        _inflight = null;
        _inflight = InflightRegion.Map(message.TakeDescriptor(0), message.Read64(8), message.Read64(0), queues);
    }

    private byte[] ReadConfiguration(VhostUserMessage message)
    {
        uint offset = message.Read32(0);
        uint length = message.Read32(4);
        if (length > (uint)message.Payload.Length - ConfigurationHeader)
        {
            throw new InvalidDataException($"it asks for {length} bytes of configuration with room for fewer");
        }

        // What the device does not have reads as zero, so that a front end of a later version can live with it.
        byte[] answer = message.Payload.ToArray();
        answer.AsSpan(ConfigurationHeader).Clear();
        ReadOnlySpan<byte> configuration = _model.Configuration;
        if (offset < (uint)configuration.Length)
        {
            ReadOnlySpan<byte> known = configuration[(int)offset..];
            known[..(int)Math.Min(length, (uint)known.Length)].CopyTo(answer.AsSpan(ConfigurationHeader));
        }

        return answer;
    }

    private void WriteConfiguration(VhostUserMessage message)
    {
        uint offset = message.Read32(0);
        uint length = message.Read32(4);
        ReadOnlySpan<byte> data = message.Part(ConfigurationHeader, (int)Math.Min(length, int.MaxValue));
        for (int i = 0; i < data.Length; i++)
        {
            // Every field that a driver may write has one byte.
            _model.WriteConfiguration(offset + (uint)i, 1, data[i]);
        }
    }
}
