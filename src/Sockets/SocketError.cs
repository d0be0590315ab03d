namespace VirtioGuest.Sockets;

/// <summary>
/// How a call ends, in the numbers that .NET's class library gives to the errors of every system (Interop.Error).
/// </summary>
public enum SocketError
{
    /// <summary>It was done.</summary>
    None = 0,

    /// <summary>Broadcasts have to be allowed first.</summary>
    AccessDenied = 0x10002,

    /// <summary>Another socket has the port.</summary>
    AddressInUse = 0x10003,

    /// <summary>The address is not this host's.</summary>
    AddressNotAvailable = 0x10004,

    /// <summary>There are no addresses of this kind here.</summary>
    AddressFamilyNotSupported = 0x10005,

    /// <summary>It cannot be done yet.</summary>
    WouldBlock = 0x10006,

    /// <summary>It is being done already.</summary>
    AlreadyInProgress = 0x10007,

    /// <summary>There is no such descriptor.</summary>
    BadDescriptor = 0x10008,

    /// <summary>The connection was ended from here.</summary>
    ConnectionAborted = 0x1000D,

    /// <summary>Nobody listens there.</summary>
    ConnectionRefused = 0x1000E,

    /// <summary>The peer has ended the connection at once.</summary>
    ConnectionReset = 0x1000F,

    /// <summary>A destination has to be named.</summary>
    DestinationRequired = 0x10011,

    /// <summary>There is no way to the host.</summary>
    HostUnreachable = 0x10017,

    /// <summary>The connection is being opened.</summary>
    InProgress = 0x1001A,

    /// <summary>The call does not fit, or its arguments do not.</summary>
    InvalidArgument = 0x1001C,

    /// <summary>There is a connection already.</summary>
    IsConnected = 0x1001E,

    /// <summary>There are too many sockets.</summary>
    TooManyDescriptors = 0x10021,

    /// <summary>The message does not fit into a packet.</summary>
    MessageTooLong = 0x10023,

    /// <summary>The link is down.</summary>
    NetworkDown = 0x10026,

    /// <summary>There is no way to the network.</summary>
    NetworkUnreachable = 0x10028,

    /// <summary>There is no room.</summary>
    NoBuffers = 0x1002A,

    /// <summary>There is no memory.</summary>
    NoMemory = 0x10031,

    /// <summary>There is no such option.</summary>
    NoSuchOption = 0x10033,

    /// <summary>There is no connection.</summary>
    NotConnected = 0x10038,

    /// <summary>The descriptor is not a socket's.</summary>
    NotASocket = 0x1003C,

    /// <summary>This kind of socket cannot do that.</summary>
    NotSupported = 0x1003D,

    /// <summary>This side of the stream is closed.</summary>
    Pipe = 0x10043,

    /// <summary>There is no such protocol here.</summary>
    ProtocolNotSupported = 0x10045,

    /// <summary>The peer does not answer.</summary>
    TimedOut = 0x1004D,

    /// <summary>There are no sockets of this kind here.</summary>
    TypeNotSupported = 0x1005E,
}
